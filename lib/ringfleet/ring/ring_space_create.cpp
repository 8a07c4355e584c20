// Making rings, and continuing those whose owner is gone.

#include "ringfleet/base/error.hpp"
#include "ringfleet/base/limits.hpp"
#include "ringfleet/os/directory_watch.hpp"
#include "ringfleet/os/file.hpp"
#include "ringfleet/os/memory_file.hpp"
#include "ringfleet/os/memory_placement.hpp"
#include "ringfleet/ring/detail/pid_scope.hpp"
#include "ringfleet/ring/detail/ring_family.hpp"
#include "ringfleet/ring/detail/space_parts.hpp"
#include "ringfleet/ring/ring_space.hpp"
#include "ringfleet/ring/shared_owners.hpp"

#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ringfleet::ring {
namespace {

using detail::SpaceParts;

std::uint64_t new_birth() {
  std::random_device random;
  return std::uint64_t{random()} << 32 | random();
}

Owner own_owner(std::uint64_t generation) {
  const auto scope = detail::own_scope();
  return {.state = OwnerState::owned,
          .generation = generation,
          .process = os::own_identity(),
          .pid_namespace = scope.pid_namespace,
          .boot_id = scope.boot_id};
}

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

struct SegmentSpecs {
  memory::SegmentSpec ring;
  memory::SegmentSpec members;
  memory::SegmentSpec arena;
};

SegmentSpecs specs_of(const RingSpec& spec, const RingShape& shape) {
  memory::SegmentSpec one{.kind = memory::SegmentKind::ring,
                          .body_bytes = detail::ring_body_bytes(shape),
                          .generation = new_birth(),
                          .fingerprint = spec.fingerprint};
  SegmentSpecs all{one, one, one};
  all.members.kind = memory::SegmentKind::members;
  all.members.body_bytes = detail::members_body_bytes(shape);
  all.arena.kind = memory::SegmentKind::arena;
  all.arena.body_bytes = detail::arena_body_bytes(shape);
  return all;
}

// Nobody else sees the memory yet. It is zeroed.
void format_space(detail::RingParts& ring, detail::MemberParts& members, const RingShape& shape) {
  std::memcpy(&ring.head->shape, &shape, sizeof(shape));
  const auto scope = detail::own_scope();
  std::memcpy(members.head->scope.boot_id, scope.boot_id.data(), sizeof(members.head->scope.boot_id));
  members.head->scope.pid_namespace = scope.pid_namespace;
  members.head->grace_ns = static_cast<std::uint64_t>(Nanoseconds(limits::member_grace).count());
  if (ring.shared != nullptr) {
    format_ring(SharedRingLines{ring.shared, ring.owners, ring.descriptors, ring.evicted, &members.head->joins,
                                members.readers});
  } else {
    format_ring({ring.producer, ring.evicted, &members.head->joins, members.readers, shape.capacity});
  }
  write_owner(ring.head->owner, own_owner(1));
}

// After the segments are attached and known to be of this process' making.
std::shared_ptr<SpaceParts> finished(std::shared_ptr<SpaceParts> parts, const RingShape& shape, const RingSpec& spec) {
  parts->facts = detail::check_shape(shape, spec.place.text());
  parts->facts.fingerprint = spec.fingerprint;
  parts->facts.birth = parts->ring_segment.header().generation;
  parts->carve(shape);
  return parts;
}

std::shared_ptr<SpaceParts> create_heap(const RingSpec& spec) {
  const auto shape = detail::shape_of(spec);
  const auto specs = specs_of(spec, shape);
  auto parts = std::make_shared<SpaceParts>(spec.place);
  parts->is_creator = true;
  os::watch_forks();
  parts->ring_segment = memory::Segment::heap(specs.ring);
  parts->member_segment = memory::Segment::heap(specs.members);
  if (shape.arena_bytes != 0) {
    parts->arena_segment = memory::Segment::heap(specs.arena);
  }
  parts = finished(std::move(parts), shape, spec);
  format_space(parts->ring, parts->members, shape);
  return parts;
}

memory::Segment create_anonymous(const RingSpec& spec, const memory::SegmentSpec& segment, std::string_view part) {
  const auto label = part.empty() ? spec.place.name() : fmt::format("{}+{}", spec.place.name(), part);
  const auto& wishes = spec.options.mapping;
  auto file = memory::create_anonymous_segment(label, segment, wishes.huge_pages);
  auto mapped = memory::Segment::attach_writer(
      std::move(file), {.kind = segment.kind, .body_bytes_min = segment.body_bytes, .fingerprint = segment.fingerprint},
      label);
  os::place_memory(mapped.descriptor().get(), mapped.body(), true, wishes, label);
  return mapped;
}

std::shared_ptr<SpaceParts> create_anonymous(const RingSpec& spec) {
  const auto shape = detail::shape_of(spec);
  const auto specs = specs_of(spec, shape);
  auto parts = std::make_shared<SpaceParts>(spec.place);
  parts->is_creator = true;
  parts->ring_segment = create_anonymous(spec, specs.ring, {});
  parts->member_segment = create_anonymous(spec, specs.members, detail::members_part);
  if (shape.arena_bytes != 0) {
    parts->arena_segment = create_anonymous(spec, specs.arena, detail::arena_part);
  }
  parts = finished(std::move(parts), shape, spec);
  format_space(parts->ring, parts->members, shape);
  const bool many = spec.producers == Producers::many;
  for (const auto* segment : {&parts->ring_segment, &parts->member_segment, &parts->arena_segment}) {
    if (!segment->descriptor()) {
      continue;
    }
    if (many || segment == &parts->member_segment) {
      os::seal_many_writers(segment->descriptor().get(), spec.place.name());
    } else {
      memory::seal_segment(segment->descriptor(), spec.place.name());
    }
  }
  return parts;
}

// Members and arena appear before the ring, so a ring that is found is whole.
std::shared_ptr<SpaceParts> create_named(const RingSpec& spec) {
  const auto shape = detail::shape_of(spec);
  const auto specs = specs_of(spec, shape);
  memory::HiddenSegment members(spec.place.path(detail::members_part), specs.members, spec.options);
  std::unique_ptr<memory::HiddenSegment> arena;
  if (shape.arena_bytes != 0) {
    arena = std::make_unique<memory::HiddenSegment>(spec.place.path(detail::arena_part), specs.arena, spec.options);
  }
  memory::HiddenSegment ring(spec.place.path(), specs.ring, spec.options);
  auto ring_parts = detail::carve_ring(ring.body(), shape);
  auto member_parts = detail::carve_members(members.body(), shape);
  format_space(ring_parts, member_parts, shape);
  auto parts = std::make_shared<SpaceParts>(spec.place);
  std::vector<std::string_view> appeared;
  try {
    parts->member_segment = members.appear();
    appeared.push_back(detail::members_part);
    if (arena != nullptr) {
      parts->arena_segment = arena->appear();
      appeared.push_back(detail::arena_part);
    }
    parts->ring_segment = ring.appear();
  } catch (...) {
    for (const auto part : appeared) {
      ::unlink(spec.place.path(part).c_str());
    }
    throw;
  }
  return finished(std::move(parts), shape, spec);
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

std::shared_ptr<SpaceParts> continue_named(const RingSpec& spec) {
  const auto label = spec.place.text();
  auto parts = detail::map_named(spec.place, expectation_of(spec), os::Access::read_write, os::Access::read_write);
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
  write_owner(line, own_owner(detail::owner_of(line).generation + 1));
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
    return create_named(spec);
  }
  try {
    return continue_named(spec);
  } catch (const Error& error) {
    const bool can_be_replaced = error.code() == ErrorCode::bad_segment || error.code() == ErrorCode::version_mismatch;
    throw Error(error.code(), fmt::format("continue {}: {}", place.text(), error.operation()),
                can_be_replaced && error.advice().empty()
                    ? "replace it (Existing::replace), or remove it ('ringfleet segments rm')"
                    : error.advice(),
                error.errno_value());
  }
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
  case memory::Backing::heap: return {create_heap(spec), SpaceRole::owner};
  case memory::Backing::anonymous: return {create_anonymous(spec), SpaceRole::owner};
  case memory::Backing::shm:
  case memory::Backing::file: break;
  }
  return {spec.producers == Producers::many ? create_for_many(spec) : create_for_one(spec), SpaceRole::owner};
}

} // namespace ringfleet::ring
