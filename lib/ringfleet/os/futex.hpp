#pragma once

// Futexes: sleep until a 32-bit word changes. A word may lie in a read-only mapping. Words in memory that only threads
// of this process can reach may be waited on with `shared = false`; then they must also be woken that way.

#include "ringfleet/base/clock.hpp"

#include <cstdint>
#include <span>

namespace ringfleet::os {

struct FutexWord {
  const std::uint32_t* word = nullptr;
  std::uint32_t expected = 0;
  bool shared = true;
};

enum class WaitResult : std::uint8_t {
  woken,      // somebody woke one of the words; look again, it may be spurious
  changed,    // a word did not hold its expected value any more
  timed_out,  // the deadline (CLOCK_MONOTONIC, absolute) has passed
  interrupted // a signal handler ran
};

// Any thread, any process that has the word mapped; one system call, never blocks. Returns how many were woken.
int futex_wake(const std::uint32_t& word, int count, bool shared = true) noexcept;

inline constexpr int wake_all = 0x7fff'ffff;

// Blocks. A peer that dies does not wake anybody: also wait for the obituary word (futex_wait_any).
[[nodiscard]] WaitResult futex_wait(const std::uint32_t& word, std::uint32_t expected, MonotonicNs deadline,
                                    bool shared = true);

// Blocks until any one word changes or is woken. Throws Error(limit_reached) beyond limits::futex_words_max words, and
// Error(system) where the kernel has no futex_waitv (before 5.16).
[[nodiscard]] WaitResult futex_wait_any(std::span<const FutexWord> words, MonotonicNs deadline);

} // namespace ringfleet::os
