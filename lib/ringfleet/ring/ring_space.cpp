#include "ringfleet/ring/ring_space.hpp"

#include "ringfleet/base/assert.hpp"
#include "ringfleet/base/error.hpp"
#include "ringfleet/ring/detail/space_parts.hpp"

#include <utility>

#include <fmt/format.h>

namespace ringfleet::ring {

RingSpace::RingSpace() noexcept = default;
RingSpace::RingSpace(RingSpace&&) noexcept = default;

RingSpace& RingSpace::operator=(RingSpace&& other) noexcept {
  RingSpace taken(std::move(other));
  std::swap(parts_, taken.parts_);
  std::swap(role_, taken.role_);
  return *this;
}

RingSpace::RingSpace(std::shared_ptr<detail::SpaceParts> parts, SpaceRole role) noexcept
    : parts_(std::move(parts)), role_(role) {}

RingSpace::~RingSpace() {
  if (parts_ != nullptr) {
    end_ownership();
  }
}

RingSpace RingSpace::share() const {
  require_here();
  return {parts_, SpaceRole::reader};
}

const memory::Place& RingSpace::place() const noexcept {
  return parts_->place;
}

const RingFacts& RingSpace::facts() const noexcept {
  return parts_->facts;
}

RingLines RingSpace::lines() const {
  require_here();
  return {parts_->ring.producer, parts_->ring.evicted, &parts_->members.head->joins, parts_->members.readers,
          parts_->facts.capacity};
}

SharedRingLines RingSpace::shared_lines() const {
  require_here();
  RINGFLEET_ASSERT(parts_->ring.shared != nullptr, "this ring has one producer");
  return {parts_->ring.shared,  parts_->ring.owners,          parts_->ring.descriptors,
          parts_->ring.evicted, &parts_->members.head->joins, parts_->members.readers};
}

MemberTable RingSpace::members() const {
  require_here();
  auto& head = *parts_->members.head;
  return {parts_->members.lines, parts_->members.readers, &head.joins, &head.grace_ns};
}

std::span<std::byte> RingSpace::units() const {
  require_here();
  return parts_->ring.units;
}

std::span<std::byte> RingSpace::arena(std::uint32_t number) const {
  require_here();
  const auto& facts = parts_->facts;
  return number >= 1 && number <= facts.arenas
             ? parts_->arena.subspan((number - 1) * facts.arena_bytes, facts.arena_bytes)
             : std::span<std::byte>{};
}

std::span<std::uint64_t> RingSpace::lenders() const {
  require_here();
  return parts_->ring.lenders;
}

std::span<std::byte> RingSpace::units_of(std::size_t unit_bytes) const {
  RINGFLEET_ASSERT(unit_bytes == facts().unit_bytes, "a ring is used with the element it was attached for");
  return units();
}

Owner RingSpace::owner() const noexcept {
  return is_here() ? detail::owner_of(parts_->ring.head->owner) : Owner{};
}

const std::uint64_t& RingSpace::owner_word() const noexcept {
  return parts_->ring.head->owner.word;
}

const PidScope& RingSpace::scope() const noexcept {
  return parts_->members.head->scope;
}

void RingSpace::end_ownership() noexcept {
  if (role_ != SpaceRole::owner || !is_here()) {
    return;
  }
  role_ = SpaceRole::reader;
  if (!parts_->place.is_named()) {
    if (parts_->is_creator) {
      detail::say_that_nobody_owns(*parts_);
    }
    return;
  }
  if (parts_->ring.shared == nullptr) {
    detail::say_that_nobody_owns(*parts_);
    parts_->lock.reset();
    return;
  }
  // Where many produce, whoever finds nobody else says so. Two that end at once both let go before they look.
  parts_->lock.reset();
  try {
    if (const auto alone = os::FileLock::try_acquire(parts_->place.path(detail::lock_part))) {
      detail::say_that_nobody_owns(*parts_);
    }
  } catch (const Error&) {
    // The lock file is gone, or no descriptor is free. Readers learn of the end from the kernel.
  }
}

bool RingSpace::is_here() const noexcept {
  return parts_ != nullptr && parts_->home.is_here();
}

void RingSpace::require_here() const {
  RINGFLEET_ASSERT(parts_ != nullptr, "an empty handle has no memory");
  if (!parts_->home.is_here()) {
    throw Error(ErrorCode::wrong_state,
                fmt::format("{}: this process was forked from the one that opened it", parts_->place.text()),
                "open the ring again in the child");
  }
}

} // namespace ringfleet::ring
