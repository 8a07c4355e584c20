#pragma once

// What the handles of one ring in one process share: its mappings, and the lock of whoever owns it.

#include "ringfleet/memory/segment.hpp"
#include "ringfleet/os/file_lock.hpp"
#include "ringfleet/os/fork.hpp"
#include "ringfleet/ring/detail/ring_shape.hpp"
#include "ringfleet/ring/ring_space.hpp"

#include <optional>
#include <span>
#include <string_view>

namespace ringfleet::ring::detail {

inline constexpr std::string_view members_part = "members";
inline constexpr std::string_view arena_part = "arena";
inline constexpr std::string_view lock_part = "lock";

struct SpaceParts {
  explicit SpaceParts(const memory::Place& where) : place(where) {}

  memory::Place place;
  RingFacts facts;
  memory::Segment ring_segment;
  memory::Segment member_segment;
  memory::Segment arena_segment;
  RingParts ring;
  MemberParts members;
  std::span<std::byte> arena;       // all of them
  std::optional<os::FileLock> lock; // of a named ring's owner
  bool is_creator = false;          // of a ring without a name: who ends it
  os::HomeProcess home;

  // After the segments are there. Throws Error(bad_segment) when one is too small for the shape.
  void carve(const RingShape& shape);
};

// The shape of a ring segment, which was attached with room for its head: one copy, to be checked by check_shape().
[[nodiscard]] RingShape take_shape(const memory::Segment& ring_segment);

// Maps the segments of a named ring and checks them all. `access` is that of the ring and the arena. Throws Error.
[[nodiscard]] std::shared_ptr<SpaceParts> map_named(const memory::Place& place, const RingExpectation& expected,
                                                    os::Access access, os::Access members_access);

// Waits, as long as the owner is writing. What a dead owner left half-written is `absent`.
[[nodiscard]] Owner owner_of(const OwnerLine& line) noexcept;

// The last owner: readers see `absent`, find the ring closed, and wake.
void say_that_nobody_owns(SpaceParts& parts) noexcept;

// Wakes whoever sleeps on the owner word.
void wake_owner_word(const OwnerLine& line) noexcept;

} // namespace ringfleet::ring::detail
