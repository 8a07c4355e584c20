#pragma once

// Time: CLOCK_MONOTONIC only, as nanoseconds since boot in one integer, so that a deadline can cross a process border.
// Wall-clock jumps have no effect on anything. Pure code takes `now` as a parameter instead of calling this.

#include <chrono>
#include <cstdint>
#include <ctime>
#include <limits>

namespace ringfleet {

using Nanoseconds = std::chrono::nanoseconds;

// A point on the monotonic clock, comparable across processes of one boot.
using MonotonicNs = std::uint64_t;

inline constexpr MonotonicNs never = std::numeric_limits<MonotonicNs>::max();

// Any thread; one vDSO call, no system call.
[[nodiscard]] inline MonotonicNs monotonic_now() noexcept {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<MonotonicNs>(now.tv_sec) * 1'000'000'000U + static_cast<MonotonicNs>(now.tv_nsec);
}

// The counter that the processor keeps: cheaper by far than any clock, of no unit that is known here. For quotients of
// spans of one thread; where the thread changed its core in between, a span may be wrong.
using Ticks = std::uint64_t;

// Any thread; no system call, no call at all on x86-64 and AArch64.
[[nodiscard]] inline Ticks ticks_now() noexcept {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
  Ticks ticks = 0;
  asm volatile("mrs %0, cntvct_el0" : "=r"(ticks));
  return ticks;
#else
  return monotonic_now();
#endif
}

// Saturates at `never`; a negative timeout is a deadline already passed.
[[nodiscard]] constexpr MonotonicNs deadline_after(MonotonicNs now, Nanoseconds timeout) noexcept {
  if (timeout <= Nanoseconds::zero()) {
    return now;
  }
  const auto delta = static_cast<MonotonicNs>(timeout.count());
  return delta >= never - now ? never : now + delta;
}

} // namespace ringfleet
