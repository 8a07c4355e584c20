#pragma once

// The measuring loop of every round trip: warm-up, then one sample a trip until the slice is over.

#include "harness/experiment.hpp"
#include "harness/stopwatch.hpp"

#include <chrono>
#include <cstdint>
#include <thread>
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

// The same, but both sides have long gone to sleep when a trip begins: the client sleeps before it, for ten times as
// long as anybody looks before parking. Sleeping is not in the sample.
template <typename Trip>
[[nodiscard]] Sample time_trips_from_sleep(const Slice& slice, Trip&& trip) {
  constexpr auto rest = std::chrono::milliseconds(1);
  constexpr unsigned warm_ups = 3;
  for (unsigned i = 0; i < warm_ups; ++i) {
    trip();
  }
  Sample sample;
  const Ticks end = stamp() + ticks_of(slice.seconds);
  do {
    std::this_thread::sleep_for(rest);
    const Ticks before = stamp();
    trip();
    sample.latency.record(stamp() - before);
  } while (stamp() < end);
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
