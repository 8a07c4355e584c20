#pragma once

// The cache line as a literal of ours. Never std::hardware_destructive_interference_size: that varies with compiler
// flags and would change a layout between two processes.

#include <cstddef>

namespace ringfleet {

inline constexpr std::size_t cache_line_bytes = 64;
inline constexpr std::size_t cache_line_pair_bytes = 128; // where the adjacent-line prefetcher couples two hot lines
inline constexpr std::size_t page_bytes = 4096;

// Asks for the line of `address` in order to write it. Never faults, whatever the address; a hint.
inline void prefetch_to_write(const void* address) noexcept {
#if defined(__x86_64__)
  // By name: for the oldest processors of the architecture the compiler's builtin asks for a line to be read.
  asm volatile("prefetchw %0" : : "m"(*static_cast<const char*>(address)));
#else
  __builtin_prefetch(address, 1);
#endif
}

} // namespace ringfleet
