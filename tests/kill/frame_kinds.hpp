#pragma once

// Rings of blocks, of one producer and of many, as they lie in shared memory, and who is there when a writer of frames
// dies: behind one set of functions, for worlds that do the same to both.

#include "ringfleet/frame/loan_arena.hpp"
#include "ringfleet/frame/record_layout.hpp"
#include "ringfleet/ring/lossy_reader.hpp"
#include "ringfleet/ring/ring.hpp"
#include "ringfleet/ring/shared_producer.hpp"
#include "ringfleet/ring/shared_reader.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>

namespace ringfleet::kill {

inline constexpr std::uint64_t blocks_total = 16;
inline constexpr std::size_t frame_arena_bytes = 512;
inline constexpr ring::BarrierOptions frame_spins{.waiting = ring::Waiting::spin, .shared = false};

// Identities, where there are many producers. The second one dies now; the last two have died before.
inline constexpr std::uint64_t frame_survivor = 1;
inline constexpr std::uint64_t frame_dying = 2;
inline constexpr std::uint32_t frame_long_dead = 3;
inline constexpr std::uint32_t frame_also_dead = 4;

struct OneWriter {
  struct Memory {
    ring::ProducerLines producer;
    std::array<std::uint64_t, 4> evicted;
    ring::Sequence joins;
    std::array<ring::ReaderLines, 4> readers;
    std::array<frame::FrameBlock, blocks_total> blocks;
    alignas(64) std::array<std::byte, sizeof(frame::ArenaLines) + frame_arena_bytes> arena;

    ring::RingMemory<frame::FrameBlock> ring() { return {producer, evicted, joins, readers, blocks}; }
    void format(std::uint64_t first_position) {
      new (this) Memory{};
      ring::format_ring(ring(), first_position);
    }
  };
  using Producer = ring::Producer<frame::FrameBlock>;
  using Reader = ring::Reader<frame::FrameBlock>;
  using LossyReader = ring::LossyReader<frame::FrameBlock>;
  static constexpr bool has_many = false;

  static Producer producer(Memory& memory, std::uint64_t) { return Producer(memory.ring(), frame_spins); }
  static void leave_dead_claims(Memory&, std::uint64_t) {}
  static void recover(Memory& memory) { Producer successor(memory.ring(), frame_spins); }
};

struct ManyWriters {
  struct Memory {
    ring::SharedLines shared;
    ring::OwnerTable owners;
    std::array<std::uint64_t, 2> evicted;
    ring::Sequence joins;
    std::array<ring::ReaderLines, 2> readers;
    std::array<std::uint64_t, blocks_total> descriptors;
    std::array<frame::FrameBlock, blocks_total> blocks;

    ring::SharedRingMemory<frame::FrameBlock> ring() {
      return {shared, owners, descriptors, evicted, joins, readers, blocks};
    }
    void format(std::uint64_t first_position) {
      new (this) Memory{};
      ring::format_ring(ring(), first_position);
    }
  };
  using Producer = ring::SharedProducer<frame::FrameBlock>;
  using Reader = ring::SharedReader<frame::FrameBlock>;
  using LossyReader = ring::SharedLossyReader<frame::FrameBlock>;
  static constexpr bool has_many = true;

  static Producer producer(Memory& memory, std::uint64_t identity) {
    return *Producer::join(memory.ring(), identity, [](std::uint64_t) { return false; }, frame_spins);
  }
  // Of one block each.
  static void leave_dead_claims(Memory& memory, std::uint64_t claims) {
    const auto lines = memory.ring().lines();
    for (std::uint64_t i = 0; i < claims; ++i) {
      const auto owner = i == 0 ? frame_long_dead : frame_also_dead;
      (void)ring::take_owner_from<>(lines, owner, 0, owner);
      std::uint64_t first = 0;
      (void)ring::SharedSequencer<>(lines, owner).try_claim(1, first);
    }
  }
  static void recover(Memory& memory) {
    (void)ring::repair_dead(memory.ring().lines(), [](std::uint64_t identity) { return identity != frame_survivor; });
  }
};

} // namespace ringfleet::kill
