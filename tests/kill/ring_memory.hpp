#pragma once

// A ring of one producer with its member table, as it lies in shared memory.

#include "message.hpp"
#include "ringfleet/ring/member_layout.hpp"
#include "ringfleet/ring/ring.hpp"

#include <array>
#include <cstdint>
#include <new>

namespace ringfleet::kill {

inline constexpr std::uint64_t ring_slots = 8;
inline constexpr std::size_t ring_lines = 4;
inline constexpr ring::BarrierOptions spins{.waiting = ring::Waiting::spin, .shared = false};

struct RingBytes {
  ring::ProducerLines producer;
  std::array<std::uint64_t, ring_lines> evicted;
  ring::Sequence joins;
  std::array<ring::ReaderLines, ring_lines> readers;
  std::array<ring::MemberLine, ring_lines> members;
  std::array<Message, ring_slots> slots;

  ring::RingMemory<Message> ring() { return {producer, evicted, joins, readers, slots}; }
  // Whatever lay there before.
  void format(std::uint64_t first_position) {
    new (this) RingBytes{};
    ring::format_ring(ring(), first_position);
  }
};

} // namespace ringfleet::kill
