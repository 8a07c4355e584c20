#pragma once

// The clock of the benchmarks: the time stamp counter where there is one, read without serialising, because a system
// clock costs a fifth of what is measured.
//
// Such counters advance in steps (10 ns on some processors). A sample is therefore kept in whole steps, and
// `Histogram` spreads each step over its width again; otherwise a median of 124 ns would read 120 or 130.

#include "ringfleet/base/clock.hpp"

#include <cstdint>

namespace ringfleet::bench {

[[nodiscard]] inline Ticks stamp() noexcept {
  return ticks_now();
}

struct StopwatchScale {
  double ns_per_tick;
  double ticks_per_step;
  [[nodiscard]] double ns_per_step() const noexcept { return ns_per_tick * ticks_per_step; }
};

// Calibrated against CLOCK_MONOTONIC at first use (takes 20 ms).
[[nodiscard]] const StopwatchScale& stopwatch_scale();

[[nodiscard]] inline Ticks ticks_of(double seconds) {
  return static_cast<Ticks>(seconds * 1e9 / stopwatch_scale().ns_per_tick);
}
[[nodiscard]] inline double seconds_of(Ticks ticks) {
  return static_cast<double>(ticks) * stopwatch_scale().ns_per_tick * 1e-9;
}

} // namespace ringfleet::bench
