#pragma once

// A ring in plain memory, mapped once, so that ThreadSanitizer sees both sides.

#include "../scale.hpp"
#include "ringfleet/ring/ring.hpp"

#include <array>
#include <atomic>
#include <thread>
#include <vector>

namespace ringfleet::ring::test {

using ringfleet::test::scale_down;

template <class T>
class TestRing {
public:
  explicit TestRing(std::size_t capacity, std::uint64_t first_position = 0) : slots_(capacity) {
    format_ring(memory(), first_position);
  }
  RingMemory<T> memory() { return {producer_, evicted_, joins_, readers_, slots_}; }
  ProducerLines& producer() { return producer_; }
  Sequence& joins() { return joins_; }
  ReaderLines& reader(std::size_t line) { return readers_[line]; }

private:
  ProducerLines producer_{};
  std::array<std::uint64_t, 4> evicted_{};
  Sequence joins_{};
  std::array<ReaderLines, 4> readers_{};
  std::vector<T> slots_;
};

inline constexpr BarrierOptions parks{.waiting = Waiting::park, .shared = false};
inline constexpr BarrierOptions spins{.waiting = Waiting::spin, .shared = false};

struct Element {
  std::uint64_t number;
  std::uint64_t twice;
};

// Reads `total` elements in batches of up to `batch`; counts those that are out of order or torn.
inline std::uint64_t read_all(Reader<Element>& reader, std::uint64_t total, std::uint64_t batch) {
  std::uint64_t wrong = 0;
  for (std::uint64_t expected = 0; expected < total;) {
    wrong += reader.wait(1, never) != BarrierResult::reached;
    const auto count = std::min(reader.available(), batch);
    for (std::uint64_t i = 0; i < count; ++i, ++expected) {
      const auto& element = reader.slot(reader.position() + i);
      wrong += element.number != expected || element.twice != 2 * expected;
    }
    wrong += reader.release(count) != ReadResult::ok;
  }
  reader.leave();
  return wrong;
}

// Elements [begin, total).
inline void write_all(Producer<Element>& producer, std::uint64_t total, std::uint64_t batch, std::uint64_t begin = 0) {
  for (std::uint64_t number = begin; number < total;) {
    const auto count = std::min(batch, total - number);
    std::uint64_t first = 0;
    (void)producer.claim(count, first, never);
    for (std::uint64_t i = 0; i < count; ++i, ++number) {
      producer.slot(first + i) = {number, 2 * number};
    }
    producer.publish(first + count);
  }
}

} // namespace ringfleet::ring::test
