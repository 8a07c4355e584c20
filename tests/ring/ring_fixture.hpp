#pragma once

// A ring in plain memory, mapped once, so that ThreadSanitizer sees both sides; or in memory that forked children
// share.

#include "../scale.hpp"
#include "ringfleet/ring/ring.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include <sys/mman.h>

namespace ringfleet::ring::test {

using ringfleet::test::scale_down;

inline constexpr std::size_t lines_total = 4;

struct RingParts {
  ProducerLines producer{};
  std::array<std::uint64_t, lines_total> evicted{};
  Sequence joins{};
  std::array<ReaderLines, lines_total> readers{};
};

template <class T>
class TestRing {
public:
  explicit TestRing(std::size_t capacity, std::uint64_t first_position = 0) : slots_(capacity) {
    format_ring(memory(), first_position);
  }
  RingMemory<T> memory() { return {parts_.producer, parts_.evicted, parts_.joins, parts_.readers, slots_}; }
  ProducerLines& producer() { return parts_.producer; }
  Sequence& joins() { return parts_.joins; }
  ReaderLines& reader(std::size_t line) { return parts_.readers[line]; }

private:
  RingParts parts_;
  std::vector<T> slots_;
};

// Stays shared over fork().
template <class T, std::size_t capacity>
class MappedRing {
public:
  explicit MappedRing(std::uint64_t first_position = 0) {
    void* memory = ::mmap(nullptr, sizeof(All), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    RINGFLEET_ASSERT(memory != MAP_FAILED, "a test needs a little memory");
    all_ = new (memory) All;
    format_ring(this->memory(), first_position);
  }
  ~MappedRing() { ::munmap(all_, sizeof(All)); }
  MappedRing(const MappedRing&) = delete;
  MappedRing& operator=(const MappedRing&) = delete;

  RingMemory<T> memory() {
    return {all_->parts.producer, all_->parts.evicted, all_->parts.joins, all_->parts.readers, all_->slots};
  }
  ReaderLines& reader(std::size_t line) { return all_->parts.readers[line]; }
  // For the test's own purposes.
  Sequence& word(std::size_t index) { return all_->words[index]; }

private:
  struct All {
    RingParts parts;
    std::array<Sequence, 4> words{};
    std::array<T, capacity> slots{};
  };
  All* all_;
};

inline constexpr BarrierOptions parks{.waiting = Waiting::park, .shared = false};
inline constexpr BarrierOptions spins{.waiting = Waiting::spin, .shared = false};
inline constexpr BarrierOptions parks_shared{.waiting = Waiting::park, .shared = true};

// Long enough that it only passes when something is broken; a test that fails ends.
inline MonotonicNs patience() {
  return monotonic_now() + 60'000'000'000;
}

struct Element {
  std::uint64_t number;
  std::uint64_t twice;
};

// Reads `total` elements in batches of up to `batch`; counts those that are out of order or torn.
inline std::uint64_t read_all(Reader<Element>& reader, std::uint64_t total, std::uint64_t batch) {
  std::uint64_t wrong = 0;
  for (std::uint64_t expected = 0; expected < total;) {
    if (reader.wait(1, patience()) != BarrierResult::reached) {
      return wrong + total;
    }
    const auto polled = reader.poll(
        [&](const Element& element) {
          wrong += element.number != expected || element.twice != 2 * expected;
          ++expected;
        },
        batch);
    wrong += polled.result != ReadResult::ok || polled.count > batch;
  }
  reader.leave();
  return wrong;
}

// Elements [begin, total).
inline void write_all(Producer<Element>& producer, std::uint64_t total, std::uint64_t batch, std::uint64_t begin = 0) {
  for (std::uint64_t number = begin; number < total;) {
    const auto count = std::min(batch, total - number);
    std::uint64_t first = 0;
    if (producer.claim(count, first, patience()) != ClaimResult::claimed) {
      return;
    }
    for (auto rest = count; rest != 0;) {
      const auto piece = producer.span(first + count - rest, rest);
      for (auto& element : piece) {
        element = {number, 2 * number};
        ++number;
      }
      rest -= piece.size();
    }
    producer.publish(first + count);
  }
}

} // namespace ringfleet::ring::test
