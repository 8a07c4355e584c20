#pragma once

// A frame ring in plain memory, mapped once, and messages whose every byte follows from their number and length.

#include "../scale.hpp"
#include "ringfleet/frame/frame_reader.hpp"
#include "ringfleet/frame/frame_writer.hpp"
#include "ringfleet/ring/ring.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace ringfleet::frame::test {

using ringfleet::test::scale_down;

using BlockProducer = ring::Producer<FrameBlock>;
using BlockReader = ring::Reader<FrameBlock>;
using Writer = FrameWriter<BlockProducer>;
using MessageReader = FrameReader<BlockReader>;
using Bytes = std::vector<std::byte>;

inline constexpr ring::BarrierOptions parks{.waiting = ring::Waiting::park, .shared = false};

class FrameRing {
public:
  explicit FrameRing(std::size_t capacity, std::uint64_t first_position = 0) : blocks_(capacity) {
    ring::format_ring(memory(), first_position);
  }
  ring::RingMemory<FrameBlock> memory() { return {producer_, evicted_, joins_, readers_, blocks_}; }
  std::uint64_t capacity() const { return blocks_.size(); }
  FrameBlock& block(std::uint64_t position) { return blocks_[position & (blocks_.size() - 1)]; }

private:
  ring::ProducerLines producer_{};
  std::array<std::uint64_t, 4> evicted_{};
  ring::Sequence joins_{};
  std::array<ring::ReaderLines, 4> readers_{};
  std::vector<FrameBlock> blocks_;
};

// A ring with its writer and one reader.
struct Pair {
  explicit Pair(std::size_t capacity, const WriterOptions<>& writer_options = {.max_message = 1 << 20},
                const ReaderOptions& reader_options = {.max_message = 1 << 20}, std::uint64_t first_position = 0)
      : ring(capacity, first_position), producer(ring.memory(), parks),
        blocks(*BlockReader::join(ring.memory(), 0, {}, parks)), writer(producer, writer_options),
        reader(blocks, reader_options) {}

  FrameRing ring;
  BlockProducer producer;
  BlockReader blocks;
  Writer writer;
  MessageReader reader;
};

inline std::byte byte_of(std::uint64_t number, std::uint64_t index) {
  const auto mixed = (number * 0x9e3779b97f4a7c15ULL) ^ (index * 0xc2b2ae3d27d4eb4fULL);
  return static_cast<std::byte>(mixed >> 56);
}
inline void fill(std::span<std::byte> bytes, std::uint64_t number) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = byte_of(number, i);
  }
}
inline Bytes message(std::uint64_t length, std::uint64_t number) {
  Bytes bytes(length);
  fill(bytes, number);
  return bytes;
}
inline bool is_message(std::span<const std::byte> bytes, std::uint64_t number) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] != byte_of(number, i)) {
      return false;
    }
  }
  return true;
}

} // namespace ringfleet::frame::test
