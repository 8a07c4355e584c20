#include "ringfleet/counter/histogram.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <random>
#include <vector>

using ringfleet::counter::Histogram;
namespace buckets = ringfleet::counter::buckets;

TEST_CASE("histogram: an empty one answers 0 to everything") {
  const Histogram histogram;
  CHECK(histogram.count() == 0);
  CHECK(histogram.quantile(0.5) == 0);
  CHECK(histogram.min() == 0);
  CHECK(histogram.max() == 0);
}

TEST_CASE("histogram: buckets are contiguous, ordered, and narrow enough") {
  for (std::size_t index = 0; index + 1 < buckets::total; ++index) {
    const auto last = buckets::last_of(index);
    REQUIRE(buckets::index_of(last) == index);
    REQUIRE(buckets::index_of(last + 1) == index + 1);
    const auto width = buckets::last_of(index + 1) - last;
    REQUIRE(static_cast<double>(width) <= 1.0 + static_cast<double>(last + 1) / 128);
  }
}

TEST_CASE("histogram: quantiles are within 0.8 % of the exact ones, the largest is exact") {
  std::mt19937_64 random(42);
  std::lognormal_distribution<double> latency(9, 2);
  std::vector<std::uint64_t> values;
  Histogram histogram;
  for (int i = 0; i < 100'000; ++i) {
    values.push_back(static_cast<std::uint64_t>(latency(random)));
    histogram.record(values.back());
  }
  std::ranges::sort(values);
  for (const double share : {0.0, 0.01, 0.5, 0.9, 0.99, 0.999}) {
    CAPTURE(share);
    const auto rank = static_cast<std::size_t>(share * 100'000);
    const auto exact = static_cast<double>(values[rank == 0 ? 0 : rank - 1]);
    const auto found = static_cast<double>(histogram.quantile(share));
    CHECK(found >= exact);
    CHECK(found <= exact * 1.008 + 1);
  }
  CHECK(histogram.quantile(1) == values.back());
  CHECK(histogram.max() == values.back());
  CHECK(histogram.min() == values.front());
}

TEST_CASE("histogram: merging adds each value once") {
  Histogram a;
  Histogram b;
  for (std::uint64_t i = 1; i <= 100; ++i) {
    (i % 2 == 0 ? a : b).record(i);
  }
  a.merge(b);
  a.merge(Histogram());
  CHECK(a.count() == 100);
  CHECK(a.quantile(0.5) == 50);
  CHECK(a.quantile(0.99) == 99);
  CHECK(a.min() == 1);
  CHECK(a.max() == 100);
  a.record(std::numeric_limits<std::uint64_t>::max());
  CHECK(a.quantile(1) == std::numeric_limits<std::uint64_t>::max());
}
