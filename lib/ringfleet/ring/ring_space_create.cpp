// Who may make a ring, and continuing those whose owner is gone.

#include "ringfleet/base/error.hpp"
#include "ringfleet/base/limits.hpp"
#include "ringfleet/os/directory_watch.hpp"
#include "ringfleet/os/file.hpp"
#include "ringfleet/ring/detail/new_ring.hpp"
#include "ringfleet/ring/detail/pid_scope.hpp"
#include "ringfleet/ring/detail/place_errors.hpp"
#include "ringfleet/ring/detail/ring_family.hpp"
#include "ringfleet/ring/detail/space_parts.hpp"
#include "ringfleet/ring/ring_space.hpp"
#include "ringfleet/ring/shared_owners.hpp"

#include <string>
#include <utility>

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ringfleet::ring {
namespace {

using detail::SpaceParts;

RingExpectation expectation_of(const RingSpec& spec) {
  return {.unit_bytes = spec.unit_bytes,
          .fingerprint = spec.fingerprint,
          .capacity = spec.capacity,
          .waiting = spec.waiting,
          .lossy_allowed = spec.lossy_allowed,
          .producers = spec.producers,
          .trust = {.owner_uid = std::nullopt, .mode_max = spec.options.mode},
          .mapping = spec.options.mapping};
}

// What a crash of the machine may have left in a file that nobody had time to write out.
void check_positions(const SpaceParts& parts) {
  const bool many = parts.ring.shared != nullptr;
  const auto begin = many ? Atomics::load_acquire(parts.ring.shared->finished) : parts.ring.producer->cursor.observe();
  const auto limit = many ? Atomics::load_acquire(parts.ring.shared->limit) : parts.ring.producer->limit.observe();
  const auto capacity = parts.facts.capacity;
  if (limit - begin > (many ? 2 : 1) * capacity) {
    throw Error(ErrorCode::bad_segment, fmt::format("{}: its limit is {}, expected at most {} units beyond {}",
                                                    parts.place.text(), limit, capacity, begin));
  }
}

void require_arenas(const SpaceParts& parts, const RingSpec& spec) {
  const auto require = [&](const char* field, std::uint64_t is, std::uint64_t wanted) {
    if (spec.arena_bytes != 0 && is < wanted) {
      throw Error(ErrorCode::bad_segment,
                  fmt::format("{}: {} is {}, expected at least {}", parts.place.text(), field, is, wanted));
    }
  };
  require("arena size", parts.facts.arena_bytes, spec.arena_bytes);
  require("number of arenas", parts.facts.arenas, spec.arenas);
}

// Nothing when the ring is there no more but for its files: whoever replaced it died before it had removed them.
std::shared_ptr<SpaceParts> continue_named(const RingSpec& spec) {
  const auto label = spec.place.text();
  auto parts = detail::map_named(spec.place, expectation_of(spec), os::Access::read_write, os::Access::read_write);
  if (detail::owner_of(parts->ring.head->owner).state == OwnerState::replaced) {
    return nullptr;
  }
  if (parts->facts.members < spec.members) {
    throw Error(ErrorCode::bad_segment, fmt::format("{}: number of members is {}, expected at least {}", label,
                                                    parts->facts.members, spec.members));
  }
  require_arenas(*parts, spec);
  check_positions(*parts);
  detail::take_over_scope(parts->members, label);
  if (parts->ring.shared != nullptr) {
    // The lock is ours alone: every producer that was is gone, whatever its pid says now.
    const SharedRingLines lines{parts->ring.shared,  parts->ring.owners,          parts->ring.descriptors,
                                parts->ring.evicted, &parts->members.head->joins, parts->members.readers};
    (void)repair_dead(lines, [](std::uint64_t) { return true; });
    for (auto& lender : parts->ring.lenders) {
      Atomics::store_release(lender, std::uint64_t{0});
    }
    Atomics::store_release(parts->ring.shared->closed, std::uint64_t{0});
  } else {
    auto& producer = *parts->ring.producer;
    Atomics::store_release(producer.awaited_gate, producer.cursor.observe());
    Atomics::store_release(producer.closed, std::uint64_t{0});
  }
  auto& line = parts->ring.head->owner;
  write_owner(line, detail::own_owner(detail::owner_of(line).generation + 1));
  detail::wake_owner_word(line);
  // Whoever waits for this ring to be continued watches its directory.
  (void)::utimensat(AT_FDCWD, spec.place.path().c_str(), nullptr, 0);
  return parts;
}

// With the lock.
std::shared_ptr<SpaceParts> make_or_continue(const RingSpec& spec) {
  const auto& place = spec.place;
  detail::remove_unfinished(place);
  const bool is_there = os::is_there(place.path());
  if (!is_there || spec.existing == Existing::replace) {
    if (is_there) {
      detail::retire(place);
    }
    detail::remove_family(place);
    return detail::create_named(spec);
  }
  try {
    if (auto parts = continue_named(spec)) {
      return parts;
    }
  } catch (const Error& error) {
    const bool can_be_replaced = error.code() == ErrorCode::bad_segment || error.code() == ErrorCode::version_mismatch;
    throw Error(error.code(), fmt::format("continue {}: {}", place.text(), error.operation()),
                can_be_replaced && error.advice().empty()
                    ? "replace it (Existing::replace), or remove it ('ringfleet segments rm')"
                    : error.advice(),
                error.errno_value());
  }
  detail::remove_family(place);
  return detail::create_named(spec);
}

Error owned_by_somebody(const RingSpec& spec) {
  return Error(ErrorCode::already_exists,
               fmt::format("create {}: process {} owns it", spec.place.text(),
                           os::FileLock::note_hint(spec.place.path(detail::lock_part))),
               spec.producers == Producers::one ? "a ring has one producer: end the other one, or take another name"
                                                : "it is making the ring: is it stopped?");
}

std::shared_ptr<SpaceParts> create_for_one(const RingSpec& spec) {
  auto lock =
      os::FileLock::try_acquire(spec.place.path(detail::lock_part), std::to_string(::getpid()), spec.options.mode);
  if (!lock) {
    throw owned_by_somebody(spec);
  }
  auto parts = make_or_continue(spec);
  parts->lock = std::move(lock);
  return parts;
}

// The first one makes or continues the ring alone, then shares the lock; the others join. Whoever comes while it is at
// work waits for a change of the lock file.
std::shared_ptr<SpaceParts> create_for_many(const RingSpec& spec) {
  const auto path = spec.place.path(detail::lock_part);
  const auto note = std::to_string(::getpid());
  const auto deadline = deadline_after(monotonic_now(), limits::ring_create_timeout);
  os::DirectoryWatch watch(spec.place.directory());
  while (true) {
    if (auto lock = os::FileLock::try_acquire(path, note, spec.options.mode)) {
      auto parts = make_or_continue(spec);
      try {
        lock->share(note);
      } catch (...) {
        detail::say_that_nobody_owns(*parts); // it is whole, so the next one continues it
        throw;
      }
      parts->lock = std::move(lock);
      return parts;
    }
    if (auto lock = os::FileLock::try_share(path, spec.options.mode)) {
      if (spec.existing == Existing::replace) {
        throw owned_by_somebody(spec);
      }
      auto parts = detail::map_named(spec.place, expectation_of(spec), os::Access::read_write, os::Access::read_write);
      detail::require_same_scope(detail::scope_of(parts->members.head->scope), spec.place.text());
      require_arenas(*parts, spec);
      parts->lock = std::move(lock);
      return parts;
    }
    // A try that fails closes the lock file that it had opened for writing, an event for us and for others who wait
    // here. So they look at it by reading.
    do {
      if (monotonic_now() >= deadline || !watch.wait(deadline)) {
        throw owned_by_somebody(spec);
      }
    } while (os::FileLock::is_exclusive_hint(path));
  }
}

} // namespace

RingSpace RingSpace::create(const RingSpec& spec) {
  detail::check_spec(spec);
  switch (spec.place.backing()) {
  case memory::Backing::heap: return {detail::create_heap(spec), SpaceRole::owner};
  case memory::Backing::anonymous: return {detail::create_anonymous(spec), SpaceRole::owner};
  case memory::Backing::shm:
  case memory::Backing::file: break;
  }
  constexpr const char* doing = "create";
  detail::refuse_directory(doing, spec.place);
  try {
    return {spec.producers == Producers::many ? create_for_many(spec) : create_for_one(spec), SpaceRole::owner};
  } catch (const Error& error) {
    throw detail::told_by_place(doing, spec.place, error);
  }
}

} // namespace ringfleet::ring
