#pragma once

// A queue of one producer and one consumer in the design that Erik Rigtorp's SPSCQueue made known, in our own writing:
// two indices that wrap at the capacity, each beside a cache of the other side's, four lines in all; one slot at a
// time, each push and each pop a release store. One slot always stays empty, and the capacity need not be a power of
// two.
//
// It has no pointers, so it may lie in shared memory. Zeroed memory is an empty queue.

#include "ringfleet/base/cache_line.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <type_traits>

namespace ringfleet::bench::baseline {

template <class T, std::size_t slots_total>
class SpscQueue {
  static_assert(std::is_trivially_copyable_v<T> && slots_total >= 2);

public:
  // Producer. Waits by looking again at once.
  void push(const T& value) noexcept {
    push_with([&value](T& slot) { slot = value; });
  }
  // `fill(slot)` writes the element in place.
  template <class Fill>
  void push_with(Fill&& fill) noexcept {
    const std::size_t write = write_index_.load(std::memory_order_relaxed);
    const std::size_t next = following(write);
    while (next == read_index_seen_) {
      read_index_seen_ = read_index_.load(std::memory_order_acquire);
    }
    fill(slots_[write]);
    write_index_.store(next, std::memory_order_release);
  }

  // Consumer. Null when empty; the element stays until pop().
  [[nodiscard]] const T* front() noexcept {
    const std::size_t read = read_index_.load(std::memory_order_relaxed);
    if (read == write_index_seen_) {
      write_index_seen_ = write_index_.load(std::memory_order_acquire);
      if (read == write_index_seen_) {
        return nullptr;
      }
    }
    return &slots_[read];
  }
  // Consumer, after a front() that was not null.
  void pop() noexcept {
    read_index_.store(following(read_index_.load(std::memory_order_relaxed)), std::memory_order_release);
  }

private:
  [[nodiscard]] static constexpr std::size_t following(std::size_t index) noexcept {
    return index + 1 == slots_total ? 0 : index + 1;
  }

  alignas(cache_line_bytes) std::atomic<std::size_t> write_index_;
  alignas(cache_line_bytes) std::size_t read_index_seen_;
  alignas(cache_line_bytes) std::atomic<std::size_t> read_index_;
  alignas(cache_line_bytes) std::size_t write_index_seen_;
  alignas(cache_line_pair_bytes) std::array<T, slots_total> slots_;
};

} // namespace ringfleet::bench::baseline
