#include "ring_fixture.hpp"

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::ring;
using namespace ringfleet::ring::test;

namespace {

// Counts looks at the gates: minimum_gate steps once for each.
struct CountingAtomics : Atomics {
  inline static std::uint64_t looks = 0;
  static void step(const char* name) noexcept { looks += std::string_view(name) == "ring.looking_at_gates"; }
};

} // namespace

TEST_CASE("single_producer: the gates are looked at once a lap, not once a claim") {
  ProducerLines producer{};
  ReaderLines reader{};
  SingleProducerSequencer<CountingAtomics> sequencer(producer, {&reader, 1}, 64);
  CountingAtomics::looks = 0;
  std::uint64_t first = 0;
  for (std::uint64_t position = 0; position < 64 * 100; ++position) {
    REQUIRE(sequencer.try_claim(1, first) == ClaimResult::claimed);
    CHECK(first == position);
    CHECK(sequencer.publish(position + 1) == position);
    reader.gate.publish(position + 1);
  }
  CHECK(CountingAtomics::looks <= 101);
}

TEST_CASE("single_producer: claims that are not published yet count against the capacity") {
  ProducerLines producer{};
  SingleProducerSequencer<> sequencer(producer, {}, 4);
  std::uint64_t first = 0;
  CHECK(sequencer.try_claim(3, first) == ClaimResult::claimed);
  CHECK(sequencer.try_claim(2, first) == ClaimResult::full);
  CHECK(sequencer.try_claim(1, first) == ClaimResult::claimed);
  CHECK(first == 3);
  CHECK(producer.cursor.observe() == 0);
  sequencer.publish(2);
  CHECK(producer.cursor.observe() == 2);
  CHECK(sequencer.try_claim(2, first) == ClaimResult::claimed);
  CHECK(sequencer.try_claim(1, first) == ClaimResult::full);
}

TEST_CASE("single_producer: the slowest of several gates is the limit, and lines without a reader are none") {
  ProducerLines producer{};
  std::array<ReaderLines, 3> readers{};
  readers[1].gate.publish(no_reader);
  SingleProducerSequencer<> sequencer(producer, readers, 8);
  std::uint64_t first = 0;
  CHECK(sequencer.try_claim(8, first) == ClaimResult::claimed);
  sequencer.publish(8);
  readers[0].gate.publish(8);
  readers[2].gate.publish(5);
  CHECK(sequencer.gate_needed(6) == 6);
  CHECK(sequencer.try_claim(6, first) == ClaimResult::full);
  CHECK(sequencer.try_claim(5, first) == ClaimResult::claimed);
}

TEST_CASE("single_producer: a newcomer that was stopped while joining holds the ring, and is never overwritten") {
  ProducerLines producer{};
  std::array<ReaderLines, 1> readers{};
  readers[0].gate.publish(no_reader);
  SingleProducerSequencer<> sequencer(producer, readers, 4);
  std::uint64_t first = 0;
  for (std::uint64_t position = 0; position < 100; ++position) {
    REQUIRE(sequencer.try_claim(1, first) == ClaimResult::claimed);
    sequencer.publish(position + 1);
  }
  readers[0].gate.publish(17); // what the cursor was when it began to join
  std::uint64_t more = 0;
  while (sequencer.try_claim(1, first) == ClaimResult::claimed) {
    sequencer.publish(first + 1);
    REQUIRE(++more <= 4); // up to the limit known from before
  }
  readers[0].gate.publish(100 + more);
  CHECK(sequencer.try_claim(4, first) == ClaimResult::claimed);
}
