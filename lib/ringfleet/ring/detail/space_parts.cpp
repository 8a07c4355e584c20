#include "ringfleet/ring/detail/space_parts.hpp"

#include "ringfleet/base/assert.hpp"
#include "ringfleet/os/futex.hpp"
#include "ringfleet/ring/bell.hpp"
#include "ringfleet/ring/parking.hpp"
#include "ringfleet/ring/shared_ring.hpp"

#include <cstring>
#include <utility>

namespace ringfleet::ring::detail {
namespace {

// Readers only ever read through the parts of a ring that they have mapped read-only.
std::span<std::byte> bytes_of(const memory::Segment& segment) noexcept {
  const auto body = segment.body();
  return {const_cast<std::byte*>(body.data()), body.size()};
}

} // namespace

void SpaceParts::carve(const RingShape& shape) {
  ring = carve_ring(bytes_of(ring_segment), shape);
  members = carve_members(bytes_of(member_segment), shape);
  if (shape.arena_bytes != 0) {
    arena = bytes_of(arena_segment).first(static_cast<std::size_t>(arena_body_bytes(shape)));
  }
}

RingShape take_shape(const memory::Segment& ring_segment) {
  const auto body = ring_segment.body();
  RINGFLEET_ASSERT(body.size() >= sizeof(RingHead), "a ring segment is attached with room for its head");
  RingShape shape;
  std::memcpy(&shape, body.data() + offsetof(RingHead, shape), sizeof(shape));
  return shape;
}

std::shared_ptr<SpaceParts> map_named(const memory::Place& place, const RingExpectation& expected, os::Access access,
                                      os::Access members_access) {
  auto parts = std::make_shared<SpaceParts>(place);
  const bool any_boot = place.backing() == memory::Backing::file;
  memory::Expectation wanted{.kind = memory::SegmentKind::ring,
                             .body_bytes_min = sizeof(RingHead),
                             .fingerprint = expected.fingerprint,
                             .generation = std::nullopt,
                             .any_boot = any_boot};
  parts->ring_segment = memory::Segment::attach_named(place.path(), wanted, access, expected.trust, expected.mapping);
  const auto shape = take_shape(parts->ring_segment);
  parts->facts = check_shape(shape, place.text());
  check_facts(parts->facts, expected, place.text());
  const auto birth = parts->ring_segment.header().generation;
  parts->facts.birth = birth;
  parts->facts.fingerprint = expected.fingerprint;
  wanted.generation = birth;
  wanted.kind = memory::SegmentKind::members;
  wanted.body_bytes_min = members_body_bytes(shape);
  parts->member_segment =
      memory::Segment::attach_named(place.path(members_part), wanted, members_access, expected.trust, expected.mapping);
  if (shape.arena_bytes != 0) {
    wanted.kind = memory::SegmentKind::arena;
    wanted.body_bytes_min = arena_body_bytes(shape);
    parts->arena_segment =
        memory::Segment::attach_named(place.path(arena_part), wanted, access, expected.trust, expected.mapping);
  }
  parts->carve(shape);
  return parts;
}

Owner owner_of(const OwnerLine& line) noexcept {
  // The owner writes six words; more looks than that means that owners follow each other without a pause.
  for (int looks = 0; looks < 1'000; ++looks) {
    if (const auto owner = read_owner(line)) {
      return *owner;
    }
  }
  return {};
}

void say_that_nobody_owns(SpaceParts& parts) noexcept {
  auto& line = parts.ring.head->owner;
  std::uint32_t* bell = nullptr;
  // SYNC ring.closed: release; pairs with the acquire in is_closed. Publishes: the last cursor.
  if (parts.ring.shared != nullptr) {
    Atomics::store_release(parts.ring.shared->closed, std::uint64_t{1});
    bell = &parts.ring.shared->bell;
    ring_shared_bell(*parts.ring.shared, true);
  } else {
    Atomics::store_release(parts.ring.producer->closed, std::uint64_t{1});
    bell = &parts.ring.producer->bell;
    ring_bell(*bell, true);
  }
  end_ownership(line, OwnerState::absent);
  os::futex_wake(*bell, os::wake_all, false); // readers sleep in other processes, or in this one
  wake_owner_word(line);
}

void wake_owner_word(const OwnerLine& line) noexcept {
  os::futex_wake(futex_half(line.word), os::wake_all);
}

} // namespace ringfleet::ring::detail
