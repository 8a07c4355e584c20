#pragma once

// What a thread that waits asks of its machine: the time, to be parked on words, to wake whoever is, and to keep the
// other threads of its process out. It comes with the atomics policy: production is the kernel; a policy that explores
// interleavings specialises it, so that waiting is explored along with the protocol.

#include "ringfleet/base/clock.hpp"
#include "ringfleet/os/futex.hpp"

#include <cstdint>
#include <mutex>
#include <span>

namespace ringfleet::os {

template <class A>
struct Host {
  using Mutex = std::mutex;
  // Looking again and again before it parks pays: the peer has a core of its own.
  static constexpr bool climbs = true;

  [[nodiscard]] static MonotonicNs now() noexcept { return monotonic_now(); }
  // Until a word has changed or is woken, or the deadline; may end early, so the caller looks again.
  static void park(std::span<const FutexWord> words, MonotonicNs deadline) { (void)futex_wait_any(words, deadline); }
  // Everybody who is parked on the word.
  static void wake(const std::uint32_t& word, bool shared = true) noexcept { futex_wake(word, wake_all, shared); }
};

} // namespace ringfleet::os
