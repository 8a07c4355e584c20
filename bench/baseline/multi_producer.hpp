#pragma once

// A ring of many producers and one reader in the design of the LMAX Disruptor, in our own writing: a claim is one
// fetch-add on a shared position, a slot is published by the number of its lap in an array beside the slots, and the
// reader takes what is published without a gap. Fast, and not crash-safe: a producer that dies between claim and
// publish leaves a hole at which the reader waits for ever.
//
// It has no pointers, so it may lie in shared memory; format() makes it empty.

#include "ringfleet/base/cache_line.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace ringfleet::bench::baseline {

template <class T, std::size_t slots_total>
class MultiProducerRing {
  static_assert(std::is_trivially_copyable_v<T> && (slots_total & (slots_total - 1)) == 0);

public:
  void format() noexcept {
    next_.store(0);
    gate_.store(0);
    for (auto& lap : published_) {
      lap.store(0);
    }
  }

  // One of them in each thread or process that produces.
  class Producer {
  public:
    explicit Producer(MultiProducerRing& ring) noexcept : ring_(ring) {}

    // `count` positions from the returned one on; waits for the reader by looking again at once.
    [[nodiscard]] std::uint64_t claim(std::uint64_t count) noexcept {
      const std::uint64_t first = ring_.next_.fetch_add(count, std::memory_order_acq_rel);
      const std::uint64_t last = first + count;
      while (last > gate_seen_ + slots_total) {
        gate_seen_ = ring_.gate_.load(std::memory_order_acquire);
      }
      return first;
    }
    [[nodiscard]] T& slot(std::uint64_t position) noexcept { return ring_.slots_[position & mask]; }
    void publish(std::uint64_t first, std::uint64_t count) noexcept {
      for (std::uint64_t position = first; position != first + count; ++position) {
        ring_.published_[position & mask].store(lap_of(position), std::memory_order_release);
      }
    }

  private:
    MultiProducerRing& ring_;
    std::uint64_t gate_seen_ = 0;
  };

  // Reader. How many slots follow position() without a gap.
  [[nodiscard]] std::uint64_t available() const noexcept {
    std::uint64_t position = position_;
    while (published_[position & mask].load(std::memory_order_acquire) == lap_of(position)) {
      ++position;
    }
    return position - position_;
  }
  [[nodiscard]] std::uint64_t position() const noexcept { return position_; }
  [[nodiscard]] const T& slot(std::uint64_t position) const noexcept { return slots_[position & mask]; }
  void release(std::uint64_t count) noexcept {
    position_ += count;
    gate_.store(position_, std::memory_order_release);
  }

private:
  static constexpr std::uint64_t mask = slots_total - 1;
  // From 1 on, so that zero means never.
  [[nodiscard]] static std::uint32_t lap_of(std::uint64_t position) noexcept {
    return static_cast<std::uint32_t>(position / slots_total) + 1;
  }

  alignas(cache_line_pair_bytes) std::atomic<std::uint64_t> next_;
  alignas(cache_line_pair_bytes) std::atomic<std::uint64_t> gate_;
  alignas(cache_line_pair_bytes) std::uint64_t position_; // the reader's own
  alignas(cache_line_pair_bytes) std::array<std::atomic<std::uint32_t>, slots_total> published_;
  alignas(cache_line_pair_bytes) std::array<T, slots_total> slots_;
};

} // namespace ringfleet::bench::baseline
