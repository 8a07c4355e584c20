#include "harness/stopwatch.hpp"

#include "ringfleet/base/clock.hpp"

#include <algorithm>
#include <vector>

namespace ringfleet::bench {
namespace {

double measure_ns_per_tick() {
  const MonotonicNs begin_ns = monotonic_now();
  const Ticks begin = stamp();
  MonotonicNs end_ns = begin_ns;
  while (end_ns < begin_ns + 20'000'000) {
    end_ns = monotonic_now();
  }
  return static_cast<double>(end_ns - begin_ns) / static_cast<double>(stamp() - begin);
}

// Differences of stamps around work of varying length. A counter that advances in steps shows clusters at equal
// distances; one that does not shows a continuum.
double measure_ticks_per_step() {
  std::vector<Ticks> differences;
  std::uint64_t work = 1;
  for (unsigned i = 0; i < 20'000; ++i) {
    const Ticks begin = stamp();
    for (unsigned j = 0; j < i % 64; ++j) {
      work = work * 6364136223846793005ULL + 1;
      asm volatile("" : "+r"(work));
    }
    differences.push_back(stamp() - begin);
  }
  std::sort(differences.begin(), differences.end());
  differences.erase(differences.begin() + static_cast<std::ptrdiff_t>(differences.size() * 95 / 100),
                    differences.end());
  constexpr Ticks cluster_gap = 4;
  std::vector<Ticks> cluster_starts;
  for (std::size_t i = 0; i < differences.size(); ++i) {
    if (i == 0 || differences[i] - differences[i - 1] > cluster_gap) {
      cluster_starts.push_back(differences[i]);
    }
  }
  if (cluster_starts.size() < 3) {
    return 1;
  }
  std::vector<Ticks> gaps;
  for (std::size_t i = 1; i < cluster_starts.size(); ++i) {
    gaps.push_back(cluster_starts[i] - cluster_starts[i - 1]);
  }
  const auto [smallest, largest] = std::minmax_element(gaps.begin(), gaps.end());
  return *largest - *smallest <= cluster_gap
             ? static_cast<double>(cluster_starts.back() - cluster_starts.front()) / static_cast<double>(gaps.size())
             : 1;
}

} // namespace

const StopwatchScale& stopwatch_scale() {
  static const StopwatchScale scale{measure_ns_per_tick(), measure_ticks_per_step()};
  return scale;
}

} // namespace ringfleet::bench
