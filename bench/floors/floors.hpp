#pragma once

// What no implementation can beat on this machine at this moment: the rows `floor_…` of the benchmarks.

#include "harness/experiment.hpp"

#include <cstddef>
#include <string>

namespace ringfleet::bench {

// Two processes on two cores answer each other, each writing its own cache line. Whoever waits executes the processor's
// pause in its loop: that is faster than hammering the line, and so the harder floor.
[[nodiscard]] Row floor_bounce();

// Two processes wake each other with a bare futex.
[[nodiscard]] Row floor_futex();

// The same, and both have been asleep for a millisecond when the client begins.
[[nodiscard]] Row floor_futex_from_sleep();

// memcpy of the payload, there and back, between buffers of the same size and cache state.
[[nodiscard]] Row floor_memcpy(std::size_t bytes);

// memcpy of the payload, one way, from one buffer to the next place in a buffer of `ring_bytes`.
[[nodiscard]] Row floor_memcpy_once(std::size_t bytes, std::size_t ring_bytes);

// The module called in-process: a function pointer from dlsym that copies its argument to its reply. The price of
// isolation is the distance to this row.
[[nodiscard]] Row floor_dlsym(const std::string& module_path, std::size_t bytes);

// posix_spawn of a program with an empty main, to its exit; one after the other.
[[nodiscard]] Row floor_spawn(const std::string& program_path);

} // namespace ringfleet::bench
