#pragma once

// A frame ring in plain memory, and messages whose every byte follows from their number and length. Under
// AddressSanitizer a pair's writer and reader have a view of the blocks each, and poison what they do not hold.

#include "../mirrored_memory.hpp"
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
  static constexpr std::size_t everybody = 0, writers = 1, readers = 2, views = 3;

  explicit FrameRing(std::size_t capacity, std::uint64_t first_position = 0)
      : capacity_(capacity), blocks_(capacity * sizeof(FrameBlock), views) {
    ring::format_ring(memory(), first_position);
  }
  // Those of one view may not be used by two who are its sole users.
  ring::RingMemory<FrameBlock> memory(std::size_t view = everybody) {
    return {
        producer_, evicted_, joins_, readers_, {reinterpret_cast<FrameBlock*>(blocks_.view(view).data()), capacity_}};
  }
  std::uint64_t capacity() const { return capacity_; }
  static constexpr std::uint64_t elsewhere = 1ULL << 62;
  // Of a byte in whatever view: its place in the ring.
  std::uint64_t offset_of(const std::byte* byte) {
    for (std::size_t view = 0; view < views; ++view) {
      const auto blocks = blocks_.view(view);
      if (byte >= blocks.data() && byte < blocks.data() + blocks.size()) {
        return static_cast<std::uint64_t>(byte - blocks.data());
      }
    }
    return elsewhere;
  }
  FrameBlock& block(std::uint64_t position) { return memory().slots[position & (capacity_ - 1)]; }

private:
  ring::ProducerLines producer_{};
  std::array<std::uint64_t, 4> evicted_{};
  ring::Sequence joins_{};
  std::array<ring::ReaderLines, 4> readers_{};
  std::size_t capacity_;
  ringfleet::test::MirroredMemory blocks_;
};

template <class Options>
Options sole_user(Options options) {
  options.sole_user = true;
  return options;
}

// A ring with its writer and one reader.
struct Pair {
  explicit Pair(std::size_t capacity, const WriterOptions<>& writer_options = {.max_message = 1 << 20},
                const ReaderOptions& reader_options = {.max_message = 1 << 20}, std::uint64_t first_position = 0)
      : ring(capacity, first_position), producer(ring.memory(FrameRing::writers), parks),
        blocks(*BlockReader::join(ring.memory(FrameRing::readers), 0, {}, parks)),
        writer(producer, sole_user(writer_options)), reader(blocks, sole_user(reader_options)) {}

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
