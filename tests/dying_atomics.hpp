#pragma once

// The production policy, but its process dies just before one of its accesses to shared words, or at a named step; 0:
// never.

#include "ringfleet/base/atomics.hpp"

#include <csignal>
#include <cstdint>

#include <unistd.h>

namespace ringfleet::test {

struct DyingAtomics : Atomics {
  inline static std::uint64_t steps_to_live = 0;

  static void step(const char* /*name*/) noexcept {
    if (steps_to_live != 0 && --steps_to_live == 0) {
      (void)::kill(::getpid(), SIGKILL);
    }
  }
  template <SharedWord T>
  [[nodiscard]] static T load_relaxed(const T& word) noexcept {
    step("load");
    return Atomics::load_relaxed(word);
  }
  template <SharedWord T>
  [[nodiscard]] static T load_acquire(const T& word) noexcept {
    step("load");
    return Atomics::load_acquire(word);
  }
  template <SharedWord T>
  static void store_relaxed(T& word, T value) noexcept {
    step("store");
    Atomics::store_relaxed(word, value);
  }
  template <SharedWord T>
  static void store_release(T& word, T value) noexcept {
    step("store");
    Atomics::store_release(word, value);
  }
  template <SharedWord T>
  [[nodiscard]] static bool compare_exchange(T& word, T& expected, T desired) noexcept {
    step("exchange");
    return Atomics::compare_exchange(word, expected, desired);
  }
  template <SharedWord T>
  static T fetch_add(T& word, T value) noexcept {
    step("exchange");
    return Atomics::fetch_add(word, value);
  }
};

} // namespace ringfleet::test
