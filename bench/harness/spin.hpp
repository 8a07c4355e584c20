#pragma once

// What a spinning side executes in its empty loop.

namespace ringfleet::bench {

inline void pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
#endif
}

} // namespace ringfleet::bench
