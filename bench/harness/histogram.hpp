#pragma once

// A log-linear histogram of durations in steps of the stopwatch: exact below 256 steps, 0.8 % wide above. Quantiles are
// interpolated inside a bin, so the width of a step does not show in a median. Not thread-safe; one writer.

#include "harness/stopwatch.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace ringfleet::bench {

class Histogram {
public:
  Histogram() : steps_per_tick_(1 / stopwatch_scale().ticks_per_step), ns_per_step_(stopwatch_scale().ns_per_step()) {}

  void record(Ticks duration, std::uint64_t times = 1) noexcept {
    const auto steps = static_cast<std::uint64_t>(static_cast<double>(duration) * steps_per_tick_ + 0.5);
    bins_[bin_of(steps)] += times;
    count_ += times;
    max_ = std::max(max_, steps);
  }
  void record_ns(double duration_ns, std::uint64_t times = 1) noexcept {
    record(static_cast<Ticks>(duration_ns / (ns_per_step_ * steps_per_tick_)), times);
  }

  // `other` must have been divided alike.
  void add(const Histogram& other) noexcept {
    if (count_ == 0) {
      *this = other;
      return;
    }
    for (std::size_t bin = 0; bin < bins_.size(); ++bin) {
      bins_[bin] += other.bins_[bin];
    }
    count_ += other.count_;
    max_ = std::max(max_, other.max_);
  }

  // Each sample was the time of that many repetitions: from now on quantiles are those of one.
  void divide_by(unsigned repetitions) noexcept {
    ns_per_step_ /= repetitions;
    steps_per_tick_ *= repetitions;
  }

  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  [[nodiscard]] double max_ns() const noexcept { return static_cast<double>(max_) * ns_per_step_; }

  // 0 when empty.
  [[nodiscard]] double quantile_ns(double quantile) const noexcept {
    const double rank = quantile * static_cast<double>(count_);
    double below = 0;
    for (std::size_t bin = 0; bin < bins_.size(); ++bin) {
      const auto inside = static_cast<double>(bins_[bin]);
      if (inside > 0 && below + inside >= rank) {
        const double low = static_cast<double>(lower_bound(bin)) - 0.5;
        const double width = static_cast<double>(lower_bound(bin + 1) - lower_bound(bin));
        const double steps = low + width * std::max(0.0, rank - below) / inside;
        return std::clamp(steps, 0.0, static_cast<double>(max_)) * ns_per_step_;
      }
      below += inside;
    }
    return 0;
  }

private:
  static constexpr unsigned sub_bits = 7;
  static constexpr std::uint64_t exact_below = 2ULL << sub_bits;
  static constexpr unsigned octaves = 40;

  [[nodiscard]] static std::size_t bin_of(std::uint64_t steps) noexcept {
    if (steps < exact_below) {
      return steps;
    }
    const auto shift = static_cast<unsigned>(std::bit_width(steps)) - sub_bits - 1;
    const std::size_t bin = (static_cast<std::size_t>(shift) << sub_bits) + (steps >> shift);
    return std::min(bin, bins_total - 1);
  }
  [[nodiscard]] static std::uint64_t lower_bound(std::size_t bin) noexcept {
    if (bin < exact_below) {
      return bin;
    }
    const std::size_t shift = (bin >> sub_bits) - 1;
    return (bin - (shift << sub_bits)) << shift;
  }

  static constexpr std::size_t bins_total = (octaves + 2) << sub_bits;

  std::array<std::uint64_t, bins_total> bins_{};
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
  double steps_per_tick_;
  double ns_per_step_;
};

} // namespace ringfleet::bench
