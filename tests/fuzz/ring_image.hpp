#pragma once

// All words of a ring in two pieces of memory that are exactly as long as they must be: the words, which a hostile peer
// may change, and the slots.

#include "counted_atomics.hpp"
#include "input.hpp"
#include "ringfleet/frame/record.hpp"
#include "ringfleet/ring/ring.hpp"
#include "ringfleet/ring/shared_reader.hpp"

namespace ringfleet::fuzz {

using frame::FrameBlock;

inline constexpr ring::BarrierOptions spins{.waiting = ring::Waiting::spin, .shared = false};
inline constexpr std::size_t lines_total = 4;

struct OneProducerWords {
  ring::ProducerLines producer;
  ring::Sequence joins;
  ring::ReaderLines readers[lines_total];
  std::uint64_t evicted[lines_total];
};

template <std::size_t capacity>
struct ManyProducersWords {
  ring::SharedLines shared;
  ring::OwnerTable owners;
  ring::Sequence joins;
  ring::ReaderLines readers[lines_total];
  std::uint64_t descriptors[capacity];
  std::uint64_t evicted[lines_total];
};

template <class Words, std::size_t capacity_>
class RingImage {
public:
  static constexpr std::uint64_t capacity = capacity_;

  explicit RingImage(std::uint64_t first_position) : words_(sizeof(Words)), slots_(capacity * sizeof(FrameBlock)) {
    ring::format_ring(memory(), first_position);
  }
  [[nodiscard]] auto memory() {
    auto& w = words();
    const std::span blocks(reinterpret_cast<FrameBlock*>(slots_.span().data()), capacity);
    if constexpr (requires { w.producer; }) {
      return ring::RingMemory<FrameBlock>{w.producer, w.evicted, w.joins, w.readers, blocks};
    } else {
      return ring::SharedRingMemory<FrameBlock>{w.shared, w.owners,  w.descriptors, w.evicted,
                                                w.joins,  w.readers, blocks};
    }
  }
  [[nodiscard]] Words& words() const { return *reinterpret_cast<Words*>(words_.span().data()); }
  [[nodiscard]] std::span<std::byte> bytes_of_words() const { return words_.span(); }
  [[nodiscard]] std::span<std::byte> slots() const { return slots_.span(); }

private:
  ExactMemory words_;
  ExactMemory slots_;
};

// Near the places where parts of a position wrap. Nobody comes to the end of 64 bits: the last two positions would be
// no gates (no_reader, lossy_reader).
[[nodiscard]] inline std::uint64_t first_position(Input& input) {
  constexpr std::uint64_t starts[] = {0,          64,         (1ULL << 31) - 8,  (1ULL << 32) - 8, (1ULL << 42) - 8,
                                      1ULL << 44, 1ULL << 62, (1ULL << 63) - 16, (1ULL << 63) + 64};
  return starts[input.take<std::uint8_t>() % std::size(starts)];
}

} // namespace ringfleet::fuzz
