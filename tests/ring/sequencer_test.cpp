#include "ring_fixture.hpp"

#include <string_view>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::ring;
using namespace ringfleet::ring::test;

namespace {

struct CountingAtomics : Atomics {
  inline static std::uint64_t looks = 0;
  static void step(const char* name) noexcept { looks += std::string_view(name) == "ring.looking_at_gates"; }
};

} // namespace

TEST_CASE("single_producer: the gates are looked at once a lap, not once a claim") {
  TestRing<std::uint64_t> ring(64);
  auto reader = ReaderSequencer<>::join(ring.memory().lines(), 0);
  SingleProducerSequencer<CountingAtomics> sequencer(ring.memory().lines());
  CountingAtomics::looks = 0;
  std::uint64_t first = 0;
  for (std::uint64_t position = 0; position < 64 * 100; ++position) {
    REQUIRE(sequencer.try_claim(1, first) == ClaimResult::claimed);
    CHECK(first == position);
    sequencer.publish(position + 1);
    CHECK(reader->release(1) == ReadResult::ok);
  }
  CHECK(CountingAtomics::looks <= 101);
}

TEST_CASE("single_producer: claims that are not published yet count against the capacity") {
  TestRing<std::uint64_t> ring(4);
  SingleProducerSequencer<> sequencer(ring.memory().lines());
  std::uint64_t first = 0;
  CHECK(sequencer.try_claim(3, first) == ClaimResult::claimed);
  CHECK(sequencer.try_claim(2, first) == ClaimResult::full);
  CHECK(sequencer.try_claim(1, first) == ClaimResult::claimed);
  CHECK(first == 3);
  CHECK(ring.producer().cursor.observe() == 0);
  sequencer.publish(2);
  CHECK(ring.producer().cursor.observe() == 2);
  CHECK(sequencer.try_claim(2, first) == ClaimResult::claimed);
  CHECK(sequencer.try_claim(1, first) == ClaimResult::full);
  sequencer.unclaim(3);
  CHECK(sequencer.try_claim(1, first) == ClaimResult::claimed);
  CHECK(first == 3);
}

TEST_CASE("single_producer: the slowest of several gates is the limit, and lines without a reader are none") {
  TestRing<std::uint64_t> ring(8);
  const auto lines = ring.memory().lines();
  auto fast = ReaderSequencer<>::join(lines, 0);
  auto slow = ReaderSequencer<>::join(lines, 2);
  SingleProducerSequencer<> sequencer(lines);
  std::uint64_t first = 0;
  CHECK(sequencer.try_claim(8, first) == ClaimResult::claimed);
  sequencer.publish(8);
  CHECK(fast->release(8) == ReadResult::ok);
  CHECK(slow->release(5) == ReadResult::ok);
  CHECK(sequencer.gate_needed(6) == 6);
  CHECK(sequencer.try_claim(6, first) == ClaimResult::full);
  CHECK(sequencer.try_claim(5, first) == ClaimResult::claimed);
}

TEST_CASE("single_producer: a newcomer that was stopped while joining holds the ring, and is never overwritten") {
  TestRing<std::uint64_t> ring(4);
  SingleProducerSequencer<> sequencer(ring.memory().lines());
  std::uint64_t first = 0;
  for (std::uint64_t position = 0; position < 100; ++position) {
    REQUIRE(sequencer.try_claim(1, first) == ClaimResult::claimed);
    sequencer.publish(position + 1);
  }
  Gate<> stopped;
  REQUIRE(stopped.take(ring.reader(0), 17)); // what the cursor was when it began to join
  ring.joins().publish(1);
  std::uint64_t more = 0;
  while (sequencer.try_claim(1, first) == ClaimResult::claimed) {
    sequencer.publish(first + 1);
    REQUIRE(++more <= 4); // up to the limit known from before
  }
  stopped.advance(100 + more);
  CHECK(sequencer.try_claim(4, first) == ClaimResult::claimed);
}
