// Attaching to rings that somebody else made.

#include "ringfleet/base/error.hpp"
#include "ringfleet/os/directory_watch.hpp"
#include "ringfleet/os/file.hpp"
#include "ringfleet/ring/detail/pid_scope.hpp"
#include "ringfleet/ring/detail/place_errors.hpp"
#include "ringfleet/ring/detail/space_parts.hpp"
#include "ringfleet/ring/owner_watch.hpp"
#include "ringfleet/ring/ring_space.hpp"

#include <array>
#include <optional>
#include <span>
#include <utility>

#include <fmt/format.h>

#include <unistd.h>

namespace ringfleet::ring {
namespace {

// Where a waiting attach stands; a timeout names it.
enum class AttachState : std::uint8_t { awaiting_name, awaiting_scope, awaiting_owner };

const char* to_string(AttachState state) noexcept {
  switch (state) {
  case AttachState::awaiting_name: return "nobody has created it";
  case AttachState::awaiting_scope:
    return "it is from an earlier boot or another PID namespace and nobody continues it";
  case AttachState::awaiting_owner: return "it is there, but nobody alive owns it";
  }
  return "unknown";
}

Error timed_out(const memory::Place& place, AttachState state) {
  return Error(ErrorCode::timed_out, fmt::format("wait for {}: {}", place.text(), to_string(state)),
               "start its producer");
}

os::Access members_access(SpaceRole role) noexcept {
  return role == SpaceRole::observer ? os::Access::read_only : os::Access::read_write;
}

std::shared_ptr<detail::SpaceParts> map(const memory::Place& place, const RingExpectation& expected, SpaceRole role) {
  for (int attempt = 0;; ++attempt) {
    try {
      return detail::map_named(place, expected, os::Access::read_only, members_access(role));
    } catch (const Error& error) {
      // Between our looks at two of its files the ring was replaced, unless it is damaged; then we find it so again.
      const bool is_half = error.code() == ErrorCode::not_found && os::is_there(place.path());
      const bool is_mixed = error.code() == ErrorCode::bad_segment;
      if (attempt == 2 || (!is_half && !is_mixed)) {
        throw error.in("attach " + place.text());
      }
    }
  }
}

os::DirectoryWatch watch_directory(const memory::Place& place) {
  try {
    return os::DirectoryWatch(place.directory(), os::Closing::is_ignored);
  } catch (const Error& error) {
    throw detail::told_by_place("wait for", place, error);
  }
}

// Every event of the directory ends a wait, so each look is at something new. Our own look opens the member table for
// writing. After the deadline there is one more look, however many events there are.
template <class Look>
auto look_until(const memory::Place& place, MonotonicNs deadline, AttachState& state, Look&& look) {
  auto watch = watch_directory(place);
  while (true) {
    const bool is_last = monotonic_now() >= deadline;
    if (auto found = look()) {
      return std::move(*found);
    }
    if (is_last || !watch.wait(deadline)) {
      throw timed_out(place, state);
    }
  }
}

// A living owner, or the deadline. An owner that dies while we wait changes nothing here: the next one changes the
// word, and where many produce a newcomer rings their bell when it has its number.
void await_owner(const RingSpace& space, MonotonicNs deadline) {
  const auto* const bell = space.facts().producers == Producers::many ? &space.shared_lines().shared->bell : nullptr;
  while (true) {
    const auto bell_seen = bell != nullptr ? Atomics::load_acquire(*bell) : 0;
    const auto seen = static_cast<std::uint32_t>(Atomics::load_acquire(space.owner_word()));
    const auto owner = space.owner();
    if (owner.state == OwnerState::replaced) {
      throw Error(ErrorCode::wrong_state, fmt::format("wait for {}: it was replaced meanwhile", space.place().text()),
                  "attach again");
    }
    if (owner.state == OwnerState::owned && open_living_owner(space, owner)) {
      return;
    }
    const std::array words{os::FutexWord{&futex_half(space.owner_word()), seen, true},
                           os::FutexWord{bell, bell_seen, true}};
    const auto result = os::futex_wait_any(std::span(words).first(bell != nullptr ? 2 : 1), deadline);
    if (result == os::WaitResult::timed_out) {
      throw timed_out(space.place(), AttachState::awaiting_owner);
    }
  }
}

} // namespace

RingSpace RingSpace::attach(const memory::Place& place, const RingExpectation& expected, SpaceRole role) {
  if (!place.is_named()) {
    throw Error(ErrorCode::invalid_argument, fmt::format("attach {}: it has no name", place.text()),
                "share the handle, or pass its descriptors");
  }
  auto parts = map(place, expected, role);
  if (role != SpaceRole::observer) {
    detail::require_same_scope(detail::scope_of(parts->members.head->scope), place.text());
  }
  return {std::move(parts), role};
}

RingSpace RingSpace::await(const memory::Place& place, const RingExpectation& expected, MonotonicNs deadline,
                           bool for_owner, SpaceRole role) {
  auto state = AttachState::awaiting_name;
  auto space = look_until(place, deadline, state, [&]() -> std::optional<RingSpace> {
    try {
      return attach(place, expected, role);
    } catch (const Error& error) {
      if (error.code() == ErrorCode::not_found) {
        state = AttachState::awaiting_name;
        return std::nullopt;
      }
      const auto lock = place.path(detail::lock_part);
      if (error.code() == ErrorCode::wrong_state && os::FileLock::state_hint(lock) != os::FileLock::State::held) {
        state = AttachState::awaiting_scope;
        return std::nullopt;
      }
      throw;
    }
  });
  if (for_owner) {
    await_owner(space, deadline);
  }
  return space;
}

std::vector<os::Descriptor> RingSpace::descriptors() const {
  require_here();
  std::vector<os::Descriptor> all;
  for (const auto* segment : {&parts_->ring_segment, &parts_->member_segment, &parts_->arena_segment}) {
    if (segment->descriptor()) {
      all.push_back(segment->descriptor().duplicate());
    }
  }
  if (all.size() < 2) {
    throw Error(ErrorCode::invalid_argument, fmt::format("pass on {}: it has no descriptors", parts_->place.text()),
                "use an anonymous or a named ring");
  }
  return all;
}

RingSpace RingSpace::attach(std::vector<os::Descriptor> descriptors, const RingExpectation& expected,
                            std::string_view label, SpaceRole role) {
  const bool many = expected.producers == Producers::many;
  if (role == SpaceRole::observer || (role == SpaceRole::owner && !many)) {
    throw Error(ErrorCode::invalid_argument, fmt::format("attach anonymous ring '{}': by its descriptors one becomes a "
                                                         "reader, or one of many producers",
                                                         label));
  }
  const auto map_part = [&](os::Descriptor& descriptor, const memory::Expectation& wanted) {
    return role == SpaceRole::owner
               ? memory::Segment::attach_writer(std::move(descriptor), wanted, label, expected.mapping)
               : memory::Segment::attach_reader(std::move(descriptor), wanted, label, many, expected.mapping);
  };
  auto parts = std::make_shared<detail::SpaceParts>(memory::Place::anonymous(label));
  const auto text = parts->place.text();
  if (descriptors.size() < 2 || descriptors.size() > 3) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("attach {}: {} descriptors, expected 2 or 3", text, descriptors.size()));
  }
  memory::Expectation wanted{
      .kind = memory::SegmentKind::ring, .body_bytes_min = sizeof(RingHead), .fingerprint = expected.fingerprint};
  parts->ring_segment = map_part(descriptors[0], wanted);
  const auto shape = detail::take_shape(parts->ring_segment);
  parts->facts = detail::check_shape(shape, text);
  detail::check_facts(parts->facts, expected, text);
  parts->facts.birth = parts->ring_segment.header().generation;
  parts->facts.fingerprint = expected.fingerprint;
  wanted.generation = parts->facts.birth;
  wanted.kind = memory::SegmentKind::members;
  wanted.body_bytes_min = detail::members_body_bytes(shape);
  parts->member_segment = memory::Segment::attach_writer(std::move(descriptors[1]), wanted, text, expected.mapping);
  if (shape.arena_bytes != 0) {
    if (descriptors.size() != 3) {
      throw Error(ErrorCode::invalid_argument, fmt::format("attach {}: the descriptor of its arena is missing", text));
    }
    wanted.kind = memory::SegmentKind::arena;
    wanted.body_bytes_min = detail::arena_body_bytes(shape);
    parts->arena_segment = map_part(descriptors[2], wanted);
  }
  try {
    parts->carve(shape);
  } catch (const Error& error) {
    throw error.in("attach " + text);
  }
  detail::require_same_scope(detail::scope_of(parts->members.head->scope), text);
  return {std::move(parts), role};
}

} // namespace ringfleet::ring
