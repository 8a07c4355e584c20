// T2: readers of a ring with many producers that follow other readers. Nobody runs beside the test.

#include "stages.hpp"

#include <cstdint>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::ring;
using namespace ringfleet::ring::test;

TEST_CASE("shared_ring: a stage sees claims that the stage before it has released as a whole") {
  TwoStages stages;
  auto& [ring, first, second, source] = stages;
  stages.push(3);
  stages.push(2);
  CHECK(second.available() == 0);
  CHECK(read(first, 2) == 2);
  CHECK(second.available() == 0); // its claim is not released
  CHECK(read(first, 2) == 2);
  CHECK(second.available() == 3); // one of the next claim is left
  CHECK(read(first) == 1);
  CHECK(second.available() == 3); // until that is used up
  CHECK(read(second) == 3);
  CHECK(read(second) == 2);
  CHECK(second.wait(1, monotonic_now()) == BarrierResult::timed_out);
}

TEST_CASE("shared_ring: a stage skips what was aborted, whether or not the stage before it has come there") {
  TwoStages stages;
  auto& [ring, first, second, source] = stages;
  stages.push(2, true);
  stages.push();
  CHECK(second.available() == 0);
  CHECK(second.position() == 2);
  CHECK(read(first) == 1);
  CHECK(read(second) == 1);
  stages.push(1, true);
  source.close();
  CHECK(poll_result(second) == ReadResult::detached); // the first has not skipped it
  CHECK(poll_result(first) == ReadResult::detached);
}

TEST_CASE("shared_ring: a stage stops at an unfinished claim, like those before it") {
  TwoStages stages;
  auto& [ring, first, second, source] = stages;
  auto other = ring.producer();
  std::uint64_t open = 0;
  REQUIRE(source.try_claim(2, open) == ClaimResult::claimed);
  push(other);
  CHECK(read(first) == 0);
  CHECK(second.available() == 0);
  first.leave();
  CHECK(second.available() == 0);
  source.abort(open, 2);
  CHECK(read(second) == 1);
}

TEST_CASE("shared_ring: the ring is full until the last stage has released") {
  TwoStages stages(4);
  auto& [ring, first, second, source] = stages;
  stages.push(4);
  CHECK(read(first) == 4);
  std::uint64_t position = 0;
  CHECK(source.try_claim(1, position) == ClaimResult::full);
  CHECK(read(second) == 4);
  CHECK(source.try_claim(1, position) == ClaimResult::claimed);
}

TEST_CASE("shared_ring: a stage passes one before it that has left, was vacated or evicted, and follows one that comes "
          "later") {
  TwoStages stages;
  auto& [ring, first, second, source] = stages;
  first.leave();
  stages.push();
  CHECK(second.available() == 1); // nobody is before it
  first = ring.reader(0);
  stages.push();
  CHECK(read(second) == 1);
  CHECK(second.available() == 0);
  CHECK(read(first) == 1);
  CHECK(read(second) == 1);

  stages.push();
  CHECK(second.available() == 0);
  (void)vacate(ring.memory().readers[0], false);
  CHECK(read(second) == 1);
  first.leave();

  first = ring.reader(0);
  stages.push();
  CHECK(second.available() == 0);
  CHECK(source.evict(0, first.incarnation()));
  CHECK(read(second) == 1);
  CHECK(poll_result(first) == ReadResult::evicted);
}

TEST_CASE("shared_ring: a stage is detached when it has read everything, not while a stage before it is at work") {
  TwoStages stages;
  auto& [ring, first, second, source] = stages;
  stages.push();
  source.close();
  CHECK(poll_result(second) == ReadResult::empty);
  CHECK(second.wait(1, monotonic_now()) == BarrierResult::timed_out);
  CHECK(read(first) == 1);
  CHECK(read(second) == 1);
  CHECK(second.wait(1, monotonic_now()) == BarrierResult::detached);
  CHECK(poll_result(second) == ReadResult::detached);
}

TEST_CASE("shared_ring: a gate that lies within a claim, or far behind, shows a stage no part of a claim") {
  TwoStages stages;
  auto& [ring, first, second, source] = stages;
  stages.push(3);
  stages.push(3);
  auto& gate = ring.memory().readers[0].gate;
  for (const std::uint64_t within : {std::uint64_t{1}, std::uint64_t{2}, ~std::uint64_t{9}}) {
    gate.publish(within);
    CHECK(second.available() == 0);
  }
  gate.publish(5);
  CHECK(second.available() == 3);
}
