#pragma once

// The memory under the explorer, as its processes see it: their store buffers, and on machines weaker than x86 stores
// that pass each other there and loads that are done early. What happens is chosen by the explorer; this says what can.

#include "choices.hpp"
#include "past_values.hpp"
#include "report.hpp"
#include "store_buffers.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace ringfleet::explore {

// What a load or a store says of the others of its process.
enum class Order : std::uint8_t { relaxed, ordered }; // ordered: acquire or release

class WeakMemory {
public:
  explicit WeakMemory(const Bounds& bounds) : stores_pass_(bounds.stores_pass), early_loads_max_(bounds.early_loads) {}

  void begin_run(unsigned processes) {
    for (unsigned process = 0; process < processes; ++process) {
      buffers_.clear(process);
    }
    early_loads_left_ = early_loads_max_;
    past_.clear();
    was_early_.fill(false);
  }

  // Must a store stay behind what waits in the buffer?
  [[nodiscard]] bool must_wait(unsigned process, const void* word, Order order) const {
    return stores_pass_ && order == Order::relaxed ? buffers_.holds(process, word, buffers_.count(process))
                                                   : !buffers_.is_empty(process);
  }
  // False: there is no room.
  template <class T>
  [[nodiscard]] bool put(unsigned process, T& word, T value, Order order) {
    return buffers_.put(process, word, value, order == Order::ordered);
  }
  // At once.
  template <class T>
  void write(unsigned process, T& word, T value) {
    keep(process, &word, static_cast<std::uint64_t>(word));
    word = value;
  }
  void offer_flushes(unsigned process, std::vector<Option>& options) const {
    const auto count = stores_pass_ ? buffers_.count(process) : std::min(buffers_.count(process), std::size_t{1});
    for (std::size_t number = 0; number < count; ++number) {
      if (buffers_.may_pass(process, number)) {
        options.push_back({Option::flush, process, static_cast<std::uint32_t>(number)});
      }
    }
  }
  [[nodiscard]] bool has_stores(unsigned process) const { return !buffers_.is_empty(process); }
  void flush(unsigned process, std::uint32_t number) {
    buffers_.flush(process, number, [&](const void* word, std::uint64_t before) { keep(process, word, before); });
  }

  // What the process has stored there itself, and nobody else sees yet.
  template <class T>
  [[nodiscard]] bool find_own(unsigned process, const T& word, T& value) const {
    return buffers_.find(process, word, value);
  }
  void offer_early(unsigned process, const void* word, std::vector<Option>& options) const {
    if (early_loads_left_ != 0) {
      past_.for_each_older(process, word,
                           [&](std::uint32_t number) { options.push_back({Option::early, process, number}); });
    }
  }
  [[nodiscard]] std::uint64_t load_early(unsigned process, std::uint32_t number, Order order) {
    --early_loads_left_;
    was_early_[process] = true;
    return past_.load_older(process, number, order == Order::ordered);
  }
  void load_latest(unsigned process, const void* word, Order order) {
    if (early_loads_left_ != 0) {
      past_.load_latest(process, word, order == Order::ordered);
    }
  }
  // Nothing is loaded from before now: a barrier.
  void order_loads(unsigned process) { past_.order(process); }
  // Has it missed something that it sees when it looks again? Says so once.
  [[nodiscard]] bool forget_early(unsigned process) {
    const bool was_early = was_early_[process];
    was_early_[process] = false;
    if (was_early) {
      order_loads(process);
    }
    return was_early;
  }

private:
  void keep(unsigned process, const void* word, std::uint64_t before) {
    if (early_loads_max_ != 0) {
      past_.changes(process, word, before);
    }
  }

  bool stores_pass_;
  unsigned early_loads_max_;
  unsigned early_loads_left_ = 0;
  StoreBuffers<processes_max> buffers_;
  PastValues<processes_max> past_;
  std::array<bool, processes_max> was_early_{};
};

} // namespace ringfleet::explore
