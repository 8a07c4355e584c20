#pragma once

// One producer, many readers that each see every message: the benchmarks ring_1p3c and ring_1p8c.

namespace ringfleet::bench {

// Rows for 1 … `readers_max` readers; returns the exit code of the program.
[[nodiscard]] int run_broadcast(const char* name, unsigned readers_max, int argc, char** argv);

} // namespace ringfleet::bench
