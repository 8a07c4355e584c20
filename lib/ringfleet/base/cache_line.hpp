#pragma once

// The cache line as a literal of ours. Never std::hardware_destructive_interference_size: that varies with compiler
// flags and would change a layout between two processes.

#include <cstddef>

namespace ringfleet {

inline constexpr std::size_t cache_line_bytes = 64;
inline constexpr std::size_t cache_line_pair_bytes = 128; // where the adjacent-line prefetcher couples two hot lines
inline constexpr std::size_t page_bytes = 4096;

} // namespace ringfleet
