#pragma once

// A ring of many producers with its member table, as it lies in shared memory, and who has claimed in it.

#include "message.hpp"
#include "ring_memory.hpp"
#include "ringfleet/ring/member_layout.hpp"
#include "ringfleet/ring/shared_ring.hpp"
#include "ringfleet/ring/shared_sequencer.hpp"

#include <array>
#include <cstdint>
#include <new>

namespace ringfleet::kill {

struct SharedBytes {
  ring::SharedLines shared;
  ring::OwnerTable owners;
  std::array<std::uint64_t, ring_lines> evicted;
  ring::Sequence joins;
  std::array<ring::ReaderLines, ring_lines> readers;
  std::array<ring::MemberLine, ring_lines> members;
  std::array<std::uint64_t, ring_slots> descriptors;
  std::array<Message, ring_slots> slots;

  ring::SharedRingMemory<Message> ring() { return {shared, owners, descriptors, evicted, joins, readers, slots}; }
  // Whatever lay there before.
  void format(std::uint64_t first_position) {
    new (this) SharedBytes{};
    ring::format_ring(ring(), first_position);
  }
};

// Identities are owner numbers here, too; 1 dies now, 3 and 4 have died before.
inline constexpr std::uint32_t dying = 1;
inline constexpr std::uint32_t survivor = 2;
inline constexpr std::uint32_t long_dead = 3;
inline constexpr std::uint32_t also_dead = 4;

// The claims that dead producers left: of one position by the one, of two by the other, by turns. None is finished, and
// the last one is told by the tail word alone.
inline constexpr std::uint64_t positions_of_dead(std::uint64_t claims) {
  return claims + claims / 2;
}
inline void leave_dead_claims(SharedBytes& memory, std::uint64_t claims) {
  for (std::uint64_t i = 0; i < claims; ++i) {
    ring::SharedSequencer<> dead(memory.ring().lines(), i % 2 == 0 ? long_dead : also_dead);
    std::uint64_t first = 0;
    (void)dead.try_claim(1 + i % 2, first);
  }
}

// How many there were: `count`, or 0 where the ring is full.
inline std::uint64_t publish(SharedBytes& memory, ring::SharedSequencer<>& sequencer, std::uint64_t count,
                             bool aborts = false) {
  std::uint64_t first = 0;
  if (sequencer.try_claim(count, first) != ring::ClaimResult::claimed) {
    return 0;
  }
  for (auto position = first; position != first + count; ++position) {
    memory.slots[position % ring_slots] = Message::of(position);
  }
  if (aborts) {
    sequencer.abort(first, count);
  } else {
    sequencer.commit(first, count);
  }
  return count;
}

} // namespace ringfleet::kill
