#pragma once

// The atomics policy: the only way protocol code touches shared words. Layouts hold plain integers; a policy acts on
// them by reference. `Atomics` is production: std::atomic_ref, nothing else, at no cost. Tests substitute policies that
// explore interleavings and deaths. Beyond this header only `ring/sequence.hpp` names a memory order.
//
// A load takes a const reference although std::atomic_ref (C++20) wants a mutable one; a lock-free load never writes,
// so a read-only mapping is fine. Only 4- and 8-byte words are admitted: those are lock-free and therefore
// address-free.

#include <atomic>
#include <concepts>
#include <cstdint>

namespace ringfleet {

template <typename T>
concept SharedWord = std::unsigned_integral<T> && (sizeof(T) == 4 || sizeof(T) == 8);

struct Atomics {
  template <SharedWord T>
  [[nodiscard]] static T load_relaxed(const T& word) noexcept {
    return std::atomic_ref<T>(const_cast<T&>(word)).load(std::memory_order_relaxed);
  }
  template <SharedWord T>
  [[nodiscard]] static T load_acquire(const T& word) noexcept {
    return std::atomic_ref<T>(const_cast<T&>(word)).load(std::memory_order_acquire);
  }
  template <SharedWord T>
  static void store_relaxed(T& word, T value) noexcept {
    std::atomic_ref<T>(word).store(value, std::memory_order_relaxed);
  }
  template <SharedWord T>
  static void store_release(T& word, T value) noexcept {
    std::atomic_ref<T>(word).store(value, std::memory_order_release);
  }
  // Success: acquire and release. Failure: acquire, because every caller acts on the value it lost to.
  template <SharedWord T>
  [[nodiscard]] static bool compare_exchange(T& word, T& expected, T desired) noexcept {
    return std::atomic_ref<T>(word).compare_exchange_strong(expected, desired, std::memory_order_acq_rel,
                                                            std::memory_order_acquire);
  }
  template <SharedWord T>
  static T fetch_add(T& word, T value) noexcept {
    return std::atomic_ref<T>(word).fetch_add(value, std::memory_order_acq_rel);
  }
  // The store-load barrier of "I changed it; is anyone asleep?": the one place where release and acquire are not
  // enough. ThreadSanitizer does not model fences; every use therefore also has a release/acquire pair on the words
  // themselves.
  static void store_load_barrier() noexcept { std::atomic_thread_fence(std::memory_order_seq_cst); }
  // Loads before it are done before loads after it: for copies that are checked afterwards. Pairs with a
  // store_load_barrier between the word that is checked and the stores to what is copied.
  static void load_barrier() noexcept { std::atomic_thread_fence(std::memory_order_acquire); }
  // A named protocol step; test policies stop, kill or delay here. Nothing in production.
  static constexpr void step(const char* /*name*/) noexcept {}

  static_assert(std::atomic_ref<std::uint32_t>::is_always_lock_free);
  static_assert(std::atomic_ref<std::uint64_t>::is_always_lock_free);
};

} // namespace ringfleet
