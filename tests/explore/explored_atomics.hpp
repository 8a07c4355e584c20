#pragma once

// The atomics policy of the explorer. Outside of a run, when a world is built or judged, it acts on the words at once.
// Loads see the memory and the own store buffer; stores may wait in that buffer; read-modify-writes and barriers empty
// it. Where the bounds say no more, acquire, release and relaxed are one, as on x86.

#include "explorer.hpp"
#include "ringfleet/base/atomics.hpp"

#include <string_view>

namespace ringfleet::explore {

struct ExploredAtomics {
  template <SharedWord T>
  [[nodiscard]] static T load_relaxed(const T& word) noexcept {
    auto* scheduler = Scheduler::current();
    return scheduler != nullptr ? scheduler->load(word, Order::relaxed) : word;
  }
  template <SharedWord T>
  [[nodiscard]] static T load_acquire(const T& word) noexcept {
    auto* scheduler = Scheduler::current();
    return scheduler != nullptr ? scheduler->load(word, Order::ordered) : word;
  }
  template <SharedWord T>
  static void store_relaxed(T& word, T value) noexcept {
    store(word, value, Order::relaxed);
  }
  template <SharedWord T>
  static void store_release(T& word, T value) noexcept {
    store(word, value, Order::ordered);
  }
  template <SharedWord T>
  [[nodiscard]] static bool compare_exchange(T& word, T& expected, T desired) noexcept {
    drain();
    if (word != expected) {
      expected = word;
      return false;
    }
    write(word, desired);
    return true;
  }
  template <SharedWord T>
  static T fetch_add(T& word, T value) noexcept {
    drain();
    const auto before = word;
    write(word, static_cast<T>(before + value));
    return before;
  }
  static void store_load_barrier() noexcept { drain(); }
  static void load_barrier() noexcept {
    if (auto* scheduler = Scheduler::current()) {
      scheduler->order_loads();
    }
  }
  static void step(const char* name) noexcept {
    if (auto* scheduler = Scheduler::current(); scheduler != nullptr && name == std::string_view("parking.announced")) {
      scheduler->announced();
    }
  }

private:
  static void drain() noexcept {
    if (auto* scheduler = Scheduler::current()) {
      scheduler->drain();
    }
  }
  template <SharedWord T>
  static void store(T& word, T value, Order order) noexcept {
    if (auto* scheduler = Scheduler::current()) {
      scheduler->store(word, value, order);
    } else {
      word = value;
    }
  }
  template <SharedWord T>
  static void write(T& word, T value) noexcept {
    if (auto* scheduler = Scheduler::current()) {
      scheduler->write(word, value);
    } else {
      word = value;
    }
  }
};

// For the bodies of processes.
[[nodiscard]] inline std::uint64_t changes() {
  return Scheduler::current()->changes();
}
inline void wait_beyond(std::uint64_t seen) {
  Scheduler::current()->wait_beyond(seen);
}
[[nodiscard]] inline bool wait_for_death() {
  return Scheduler::current()->wait_for_death();
}
inline void sleep_while(const SleepWord& one, const SleepWord& other, unsigned deaths_seen) {
  Scheduler::current()->sleep_while(one, other, deaths_seen);
}
[[nodiscard]] inline unsigned deaths() {
  return Scheduler::current()->deaths();
}
[[nodiscard]] inline bool is_dead(unsigned process) {
  return Scheduler::current()->is_dead(process);
}

} // namespace ringfleet::explore
