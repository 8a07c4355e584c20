#pragma once

// The measuring loop of every round trip: warm-up, then one sample a trip until the slice is over.

#include "harness/experiment.hpp"
#include "harness/stopwatch.hpp"

#include <cstdint>
#include <utility>

namespace ringfleet::bench {

// `trip` makes one round trip and verifies its answer (by throwing). The caller has pinned itself.
template <typename Trip>
[[nodiscard]] Sample time_trips(const Slice& slice, Trip&& trip) {
  constexpr double warm_up_part = 0.2;
  const Ticks warm_up_end = stamp() + ticks_of(slice.seconds * warm_up_part);
  while (stamp() < warm_up_end) {
    trip();
  }
  Sample sample;
  std::uint64_t trips = 0;
  const Ticks begin = stamp();
  const Ticks end = begin + ticks_of(slice.seconds);
  Ticks after = begin;
  while (after < end) {
    const Ticks before = stamp();
    trip();
    after = stamp();
    sample.latency.record(after - before);
    ++trips;
  }
  sample.ops_per_s = static_cast<double>(trips) / seconds_of(after - begin);
  return sample;
}

// For work far shorter than the clock can tell: a sample is the mean of `block` repetitions. (Tails are flattened.)
template <typename Work>
[[nodiscard]] Sample time_blocks(const Slice& slice, unsigned block, Work&& work) {
  Sample sample = time_trips(slice, [&] {
    for (unsigned i = 0; i < block; ++i) {
      work();
    }
  });
  sample.latency.divide_by(block);
  sample.ops_per_s *= block;
  return sample;
}

} // namespace ringfleet::bench
