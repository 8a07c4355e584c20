#pragma once

// Stages on a ring with many producers: readers that follow each other.

#include "shared_fixture.hpp"

#include <array>
#include <cstdint>

#include <doctest/doctest.h>

namespace ringfleet::ring::test {

using Stage = SharedReader<Element>;
using Source = SharedProducer<Element>;

inline constexpr std::array<std::uint32_t, 1> after_first{0};
inline constexpr std::array<std::uint32_t, 1> after_second{1};
inline constexpr std::array<std::uint32_t, 2> after_both{0, 1};

inline void push(Source& source, std::uint64_t count = 1, bool is_aborted = false) {
  std::uint64_t first = 0;
  REQUIRE(source.try_claim(count, first) == ClaimResult::claimed);
  if (is_aborted) {
    source.abort(first, count);
  } else {
    source.publish(first, count);
  }
}
inline std::uint64_t read(Stage& stage, std::uint64_t max = ~std::uint64_t{0}) {
  return stage.poll([](const Element&) {}, max).count;
}
inline ReadResult poll_result(Stage& stage) {
  return stage.poll([](const Element&) {}).result;
}

// A producer, and two stages, the second behind the first.
struct TwoStages {
  explicit TwoStages(std::size_t capacity = 8)
      : ring(capacity), first(ring.reader(0)), second(ring.reader(1, {.follows = after_first})),
        source(ring.producer()) {}
  void push(std::uint64_t count = 1, bool is_aborted = false) { test::push(source, count, is_aborted); }

  SharedTestRing<Element> ring;
  Stage first;
  Stage second;
  Source source;
};

} // namespace ringfleet::ring::test
