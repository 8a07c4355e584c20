// What happens between two looks of a reader at a ring with one producer, forced.

#include "../interrupted_atomics.hpp"
#include "ring_fixture.hpp"
#include "ringfleet/ring/lossy_reader.hpp"

#include <vector>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::ring;
using namespace ringfleet::ring::test;
using ringfleet::test::InterruptedAtomics;

namespace {

using Ring = TestRing<Element>;

// All that is left, and what ends it.
template <class R>
ReadResult drain(R& reader, std::vector<std::uint64_t>& numbers) {
  for (;;) {
    const auto polled = reader.poll([&](const Element& element) { numbers.push_back(element.number); });
    if (polled.result != ReadResult::ok) {
      return polled.result;
    }
  }
}

} // namespace

TEST_CASE("ring: what is published right before the end is read before the end is told, whenever both come") {
  const auto rounds = InterruptedAtomics::before_each_access([](std::uint64_t nth) {
    Ring ring(8);
    Producer<Element> producer(ring.memory(), parks);
    auto reader = Reader<Element, InterruptedAtomics>::join(ring.memory(), 0, {}, parks);
    InterruptedAtomics::before_access(nth, [&] {
      CHECK(producer.try_push({7, 14}) == ClaimResult::claimed);
      producer.close();
    });
    std::vector<std::uint64_t> numbers;
    auto ended = reader->poll([&](const Element& element) { numbers.push_back(element.number); }).result;
    if (InterruptedAtomics::left() == 0) {
      CHECK(ended != ReadResult::detached);
      CHECK(drain(*reader, numbers) == ReadResult::detached);
      CHECK(numbers == std::vector<std::uint64_t>{7});
    }
  });
  CHECK(rounds > 3);
}

TEST_CASE("ring: a reader whose producer is dead misses nothing of the next one, whenever that comes") {
  const auto rounds = InterruptedAtomics::before_each_access([](std::uint64_t nth) {
    Ring ring(8);
    Producer<Element> producer(ring.memory(), parks);
    ProcessWord<std::uint32_t> dead(1);
    auto options = parks;
    options.dead = &dead;
    auto reader = Reader<Element, InterruptedAtomics>::join(ring.memory(), 0, {}, options);
    InterruptedAtomics::before_access(nth, [&] { CHECK(producer.try_push({7, 14}) == ClaimResult::claimed); });
    std::vector<std::uint64_t> numbers;
    const auto ended = reader->poll([&](const Element& element) { numbers.push_back(element.number); }).result;
    if (InterruptedAtomics::left() != 0) {
      CHECK(ended == ReadResult::detached);
      return;
    }
    CHECK(drain(*reader, numbers) == ReadResult::detached);
    CHECK(numbers == std::vector<std::uint64_t>{7});
  });
  CHECK(rounds > 3);
}

TEST_CASE("ring: a reader that finds nothing is told that it was evicted, whenever that comes") {
  const auto rounds = InterruptedAtomics::before_each_access([](std::uint64_t nth) {
    Ring ring(8);
    Producer<Element> producer(ring.memory(), parks);
    auto reader = Reader<Element, InterruptedAtomics>::join(ring.memory(), 0, {}, parks);
    const auto incarnation = reader->incarnation();
    InterruptedAtomics::before_access(nth, [&] { CHECK(producer.evict(0, incarnation)); });
    const auto ended = reader->poll([](const Element&) {}).result;
    CHECK((ended == ReadResult::empty || (InterruptedAtomics::left() == 0 && ended == ReadResult::evicted)));
    if (InterruptedAtomics::left() == 0) {
      CHECK(reader->poll([](const Element&) {}).result == ReadResult::evicted);
    }
  });
  CHECK(rounds > 2);
}

TEST_CASE("ring: an evicted reader holds nobody up, before its line is vacated as well") {
  Ring ring(8);
  Producer<Element> producer(ring.memory(), parks);
  auto reader = Reader<Element>::join(ring.memory(), 0, {}, parks);
  write_all(producer, 8, 1);
  const auto needed = producer.sequencer().gate_needed(1);
  CHECK(producer.sequencer().is_behind(0, needed));
  CHECK_FALSE(producer.sequencer().is_behind(0, needed - 1));
  REQUIRE(producer.evict(0, reader->incarnation()));
  CHECK_FALSE(producer.sequencer().is_behind(0, needed));
  CHECK(producer.try_push({8, 16}) == ClaimResult::claimed);
}

TEST_CASE("lossy: what is published right before the end is read before the end is told, whenever both come") {
  const auto rounds = InterruptedAtomics::before_each_access([](std::uint64_t nth) {
    Ring ring(8);
    Producer<Element> producer(ring.memory(), parks);
    auto reader = LossyReader<Element, InterruptedAtomics>::join(ring.memory(), 0, {}, parks);
    InterruptedAtomics::before_access(nth, [&] {
      CHECK(producer.try_push({7, 14}) == ClaimResult::claimed);
      producer.close();
    });
    std::vector<std::uint64_t> numbers;
    auto ended = reader->poll([&](const Element& element) { numbers.push_back(element.number); }).result;
    if (InterruptedAtomics::left() == 0) {
      CHECK(ended != ReadResult::detached);
      CHECK(drain(*reader, numbers) == ReadResult::detached);
      CHECK(numbers == std::vector<std::uint64_t>{7});
    }
  });
  CHECK(rounds > 2);
}

TEST_CASE("lossy: a reader whose producer is dead is told so, and not while the next one publishes") {
  Ring ring(8);
  Producer<Element> producer(ring.memory(), parks);
  ProcessWord<std::uint32_t> dead;
  auto options = parks;
  options.dead = &dead;
  auto reader = LossyReader<Element>::join(ring.memory(), 0, {}, options);
  auto unaware = LossyReader<Element>::join(ring.memory(), 1, {}, parks);
  Element element{};
  CHECK(reader->read(element) == ReadResult::empty);
  dead.publish(1);
  CHECK(reader->read(element) == ReadResult::detached);
  CHECK(reader->wait(never) == BarrierResult::detached);
  CHECK(unaware->read(element) == ReadResult::empty);
  auto interrupted = LossyReader<Element, InterruptedAtomics>::join(ring.memory(), 2, {}, options);
  // Its last look before it would say so.
  InterruptedAtomics::before(&ring.producer().cursor.value, 4,
                             [&] { CHECK(producer.try_push({1, 2}) == ClaimResult::claimed); });
  CHECK(interrupted->wait(never) == BarrierResult::reached);
  CHECK(InterruptedAtomics::left() == 0);
  CHECK(interrupted->read(element) == ReadResult::ok);
  CHECK(interrupted->wait(never) == BarrierResult::detached);
}

TEST_CASE("lossy: a reader does not begin in the future, and to go on without a lap skips nothing") {
  Ring ring(8);
  Producer<Element> producer(ring.memory(), parks);
  write_all(producer, 3, 1);
  CHECK_FALSE(LossyReader<Element>::join(ring.memory(), 0, {.from = JoinFrom::sequence, .position = 4}, parks));
  CHECK(LossyReader<Element>::join(ring.memory(), 0, {.from = JoinFrom::sequence, .position = 3}, parks));
  auto sequencer = LossySequencer<>::watch(ring.memory().lines(), {.from = JoinFrom::sequence, .position = 2});
  REQUIRE(sequencer);
  CHECK(sequencer->resume() == 0);
  CHECK(sequencer->position() == 2);
  CHECK(sequencer->laps() == 1);
}

TEST_CASE("ring: how often a handle slept and woke others is counted in the words that it is given") {
  Ring ring(1);
  std::uint64_t sleeps = 0;
  std::uint64_t wakes = 0;
  auto reading = parks;
  reading.parks = &sleeps;
  auto writing = parks;
  writing.wakes = &wakes;
  Producer<Element> producer(ring.memory(), writing);
  auto reader = Reader<Element>::join(ring.memory(), 0, {}, reading);
  // On a machine that is busy the climb before the first sleep may take longer than a deadline.
  std::uint64_t patience_ns = 5'000'000;
  while (sleeps == 0) {
    CHECK(reader->wait(1, monotonic_now() + patience_ns) == BarrierResult::timed_out);
    patience_ns *= 2;
  }
  CHECK(producer.try_push({0, 0}) == ClaimResult::claimed); // its announcement still stands
  CHECK(wakes == 1);
}

TEST_CASE("ladder: after many long sleeps there is still a step to climb") {
  AdaptiveLadder<> ladder({.spins = 64, .yields = 64});
  const auto looks = [&] {
    int count = 0;
    CHECK_FALSE(ladder.climb([&] {
      ++count;
      return false;
    }));
    return count;
  };
  const auto at_first = looks();
  for (int i = 0; i < 20; ++i) {
    ladder.parked_for(1'000'000'000);
  }
  const auto at_last = looks();
  CHECK(at_last < at_first);
  CHECK(at_last >= 1);
  ladder.parked_for(1);
  CHECK(looks() > at_last);
}
