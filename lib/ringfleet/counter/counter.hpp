#pragma once

// One number or one short text that a process shows to the world. Handles come from CounterWriter; they are two words,
// copyable, and valid as long as the writer they came from. A handle that came from nowhere counts nothing.
//
// One thread writes an item at a time: an update is a plain load and a plain store, no locked instruction, nothing that
// waits or enters the kernel. Threads that count the same thing allocate the label once each; readers add the items of
// one label up. Any process reads at any time, also after the writer has died.

#include "ringfleet/base/atomics.hpp"
#include "ringfleet/counter/counter_layout.hpp"
#include "ringfleet/counter/counter_protocol.hpp"

#include <cstdint>
#include <string_view>

namespace ringfleet::counter {

class Counter {
public:
  Counter() noexcept = default;
  explicit Counter(CounterItem& item) noexcept : item_(&item) {}

  void add(std::uint64_t amount = 1) noexcept {
    if (item_ != nullptr) {
      add_to(*item_, amount);
    }
  }
  void subtract(std::uint64_t amount = 1) noexcept { add(std::uint64_t{0} - amount); } // gauges
  void set(std::uint64_t value) noexcept {
    if (item_ != nullptr) {
      Atomics::store_relaxed(item_->value, value);
    }
  }
  // By the writing thread: what it has counted so far.
  [[nodiscard]] std::uint64_t value() const noexcept {
    return item_ == nullptr ? 0 : Atomics::load_relaxed(item_->value);
  }

  // The number itself, for what counts on the writing thread and knows no counters; null for a handle from nowhere.
  [[nodiscard]] std::uint64_t* word() const noexcept { return item_ == nullptr ? nullptr : &item_->value; }

private:
  CounterItem* item_ = nullptr;
};

class Text {
public:
  Text() noexcept = default;
  explicit Text(CounterItem& item) noexcept : item_(&item) {}

  // Shows `text`, cut after 63 bytes. A reader sees the old or the new text whole, also when the writer dies inside.
  void set(std::string_view text) noexcept;

private:
  CounterItem* item_ = nullptr;
};

} // namespace ringfleet::counter
