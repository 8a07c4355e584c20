#pragma once

// One producer, many readers that each see every message: the benchmarks ring_1p3c and ring_1p8c, and, where readers
// follow others, pipeline_3 and diamond_3.

#include <cstdint>
#include <vector>

namespace ringfleet::bench {

// For each reader the lines of those that it follows; all of them are smaller than its own.
using Followed = std::vector<std::vector<std::uint32_t>>;

// Rows for 1 and `readers_max` readers; returns the exit code of the program.
[[nodiscard]] int run_broadcast(const char* name, unsigned readers_max, int argc, char** argv);

// Rows for these readers, and for as many of which none follows another; returns the exit code of the program.
[[nodiscard]] int run_followers(const char* name, const Followed& followed, int argc, char** argv);

} // namespace ringfleet::bench
