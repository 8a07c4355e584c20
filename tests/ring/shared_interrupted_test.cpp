// What happens between two looks of a reader or a producer at a ring with many producers, forced.

#include "../interrupted_atomics.hpp"
#include "shared_fixture.hpp"

#include <array>
#include <vector>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::ring;
using namespace ringfleet::ring::test;
using ringfleet::test::InterruptedAtomics;

namespace {

using Ring = SharedTestRing<std::uint64_t>;
using InterruptedReader = SharedReader<std::uint64_t, InterruptedAtomics>;

template <class R>
ReadResult drain(R& reader, std::vector<std::uint64_t>& numbers) {
  for (;;) {
    const auto polled = reader.poll([&](std::uint64_t number) { numbers.push_back(number); });
    if (polled.result != ReadResult::ok) {
      return polled.result;
    }
  }
}

} // namespace

TEST_CASE("shared_ring: what is committed right before the end is read before the end is told, whenever both come") {
  const auto rounds = InterruptedAtomics::before_each_access([](std::uint64_t nth) {
    Ring ring(8);
    auto producer = ring.producer();
    auto reader = InterruptedReader::join(ring.memory(), 0, {}, parks);
    InterruptedAtomics::before_access(nth, [&] {
      CHECK(producer.try_push(7) == ClaimResult::claimed);
      producer.close();
    });
    std::vector<std::uint64_t> numbers;
    const auto ended = reader->poll([&](std::uint64_t number) { numbers.push_back(number); }).result;
    if (InterruptedAtomics::left() == 0) {
      CHECK(ended != ReadResult::detached);
      CHECK(drain(*reader, numbers) == ReadResult::detached);
      CHECK(numbers == std::vector<std::uint64_t>{7});
    }
  });
  CHECK(rounds > 3);
}

TEST_CASE("shared_ring: a claim that is committed while its reader is about to give up is read, whenever that comes") {
  const auto rounds = InterruptedAtomics::before_each_access([](std::uint64_t nth) {
    Ring ring(8);
    auto producer = ring.producer();
    auto reader = InterruptedReader::join(ring.memory(), 0, {}, parks);
    std::uint64_t first = 0;
    REQUIRE(producer.try_claim(1, first) == ClaimResult::claimed);
    producer.close();
    InterruptedAtomics::before_access(nth, [&] { producer.publish(first, 1); });
    const auto result = reader->wait(1, never);
    CHECK(result == (InterruptedAtomics::left() == 0 ? BarrierResult::reached : BarrierResult::detached));
  });
  CHECK(rounds > 5);
}

TEST_CASE("shared_ring: a reader is told that it was evicted, whenever that comes, before it is told of the end") {
  const auto rounds = InterruptedAtomics::before_each_access([](std::uint64_t nth) {
    Ring ring(8);
    auto producer = ring.producer();
    auto reader = InterruptedReader::join(ring.memory(), 0, {}, parks);
    producer.close();
    const auto incarnation = reader->incarnation();
    InterruptedAtomics::before_access(nth, [&] { CHECK(producer.evict(0, incarnation)); });
    const auto result = reader->wait(1, never);
    CHECK((result == BarrierResult::detached || (InterruptedAtomics::left() == 0 && result == BarrierResult::evicted)));
    if (InterruptedAtomics::left() == 0) {
      CHECK(reader->wait(1, never) == BarrierResult::evicted);
      CHECK(reader->poll([](std::uint64_t) {}).result == ReadResult::evicted);
    }
  });
  CHECK(rounds > 5);
}

TEST_CASE("shared_ring: a reader that waits for more than there is before an aborted claim gets what there is") {
  Ring ring(8);
  auto producer = ring.producer();
  auto reader = ring.reader(0);
  CHECK(producer.try_push(1) == ClaimResult::claimed);
  CHECK(reader.wait(2, monotonic_now()) == BarrierResult::timed_out); // nothing is known of the next claim
  std::uint64_t first = 0;
  REQUIRE(producer.try_claim(1, first) == ClaimResult::claimed);
  producer.abort(first, 1);
  CHECK(reader.wait(2, never) == BarrierResult::reached);
  std::vector<std::uint64_t> numbers;
  CHECK(drain(reader, numbers) == ReadResult::empty);
  CHECK(numbers == std::vector<std::uint64_t>{1});
}

TEST_CASE("shared_ring: a reader whose producers are dead is told so, one that was evicted is told that") {
  Ring ring(8);
  auto producer = ring.producer();
  ProcessWord<std::uint32_t> dead;
  auto options = parks;
  options.dead = &dead;
  auto reader = ring.reader(0, {}, options);
  auto unaware = ring.reader(1);
  const auto result_of = [](SharedReader<std::uint64_t>& each) { return each.poll([](std::uint64_t) {}).result; };
  CHECK(result_of(reader) == ReadResult::empty);
  CHECK(result_of(unaware) == ReadResult::empty);
  REQUIRE(producer.evict(1, unaware.incarnation()));
  CHECK(result_of(unaware) == ReadResult::evicted);
  dead.publish(1);
  CHECK(result_of(reader) == ReadResult::detached);
}

TEST_CASE("shared_ring: a stage that is evicted does not wait for what the stage before it holds") {
  Ring ring(8);
  auto producer = ring.producer();
  auto before = ring.reader(0);
  const std::array<std::uint32_t, 1> first_line{0};
  auto stage = ring.reader(1, {.follows = first_line});
  CHECK(producer.try_push(1) == ClaimResult::claimed);
  CHECK_FALSE(stage.next_awaited().is_over());
  REQUIRE(producer.evict(1, stage.incarnation()));
  CHECK(stage.next_awaited().is_over());
  CHECK(stage.wait(1, never) == BarrierResult::evicted);
}

TEST_CASE("shared_ring: who took the line of a reader that held producers up is not taken for it") {
  Ring ring(4);
  auto producer = ring.producer();
  auto slow = ring.reader(0);
  for (std::uint64_t i = 0; i < 4; ++i) {
    CHECK(producer.try_push(i) == ClaimResult::claimed);
  }
  const auto blocker = producer.sequencer().blocker(1);
  REQUIRE(blocker);
  CHECK(producer.sequencer().is_blocking(*blocker));
  CHECK_FALSE(producer.evict(0, 0));
  CHECK_FALSE(producer.evict(0, slow.incarnation() + 1));
  slow.leave();
  auto next = ring.reader(0, {.from = JoinFrom::oldest});
  CHECK_FALSE(producer.sequencer().is_blocking(*blocker));
  CHECK(producer.sequencer().blocker(1)->incarnation == next.incarnation());
}

TEST_CASE("shared_ring: the latest claim holds producers up though nobody has described it, and no other place does") {
  Ring ring(8);
  auto slow = ring.producer();
  auto held_up = ring.producer();
  const auto is_blocking = [&](std::uint64_t position) {
    return held_up.sequencer().is_blocking({.line = {}, .position = position});
  };
  CHECK_FALSE(is_blocking(0)); // nobody has claimed
  std::uint64_t open = 0;
  REQUIRE(slow.try_claim(8, open) == ClaimResult::claimed);
  REQUIRE(look_at(ring.lines(), open).fate == Fate::none); // described by the next claim, for which there is no room
  const auto blocker = held_up.sequencer().blocker(1);
  REQUIRE(blocker);
  CHECK(is_blocking(blocker->position));
  CHECK_FALSE(is_blocking(4)); // within it
  slow.publish(open, 8);
  CHECK_FALSE(is_blocking(blocker->position));
}

TEST_CASE("shared_ring: whether a claim still holds a producer up is seen at that claim, however far the others are") {
  Ring ring(8);
  auto slow = ring.producer();
  auto held_up = SharedProducer<std::uint64_t, InterruptedAtomics>::join(ring.memory(), 7, nobody_is_dead, parks);
  std::uint64_t open = 0;
  CHECK_FALSE(held_up->sequencer().is_blocking({.line = {}, .position = 0})); // nobody has claimed
  REQUIRE(slow.try_claim(1, open) == ClaimResult::claimed);
  while (held_up->try_push(0) == ClaimResult::claimed) {
  }
  const auto blocker = held_up->sequencer().blocker(1);
  REQUIRE(blocker);
  CHECK(held_up->sequencer().is_blocking(*blocker));
  slow.publish(open, 1);
  for (std::uint64_t i = 0; i < 8'000; ++i) {
    REQUIRE(slow.try_push(i) == ClaimResult::claimed);
  }
  InterruptedAtomics::before_access(10, [] {});
  CHECK_FALSE(held_up->sequencer().is_blocking(*blocker));
  CHECK(InterruptedAtomics::left() == 1);
  InterruptedAtomics::forget();
}

TEST_CASE("shared_ring: a count of owners that no producer writes is not believed") {
  Ring ring(8);
  auto producer = ring.producer();
  auto reader = ring.reader(0);
  ring.lines().shared->owners_used = ~0u;
  CHECK(repair_dead(ring.lines(), nobody_is_dead) == 0);
  CHECK(producer.try_push(1) == ClaimResult::claimed);
  CHECK(reader.poll([](std::uint64_t) {}).count == 1);
}

TEST_CASE("shared_ring: without readers a producer waits for its own open claim, as long as it is told to") {
  Ring ring(4);
  auto producer = ring.producer();
  std::uint64_t first = 0;
  REQUIRE(producer.try_claim(4, first) == ClaimResult::claimed);
  std::uint64_t next = 0;
  for (int i = 0; i < 2; ++i) { // the second time it has announced itself already
    CHECK(producer.claim(1, next, monotonic_now() + 1'000'000) == ClaimResult::full);
  }
  producer.publish(first, 4);
  CHECK(producer.claim(1, next, never) == ClaimResult::claimed);
}

TEST_CASE(
    "shared_ring: the claim that holds a position is the first unfinished one before it, and none behind the end") {
  Ring ring(8);
  auto producer = ring.producer();
  std::uint64_t open = 0;
  REQUIRE(producer.try_claim(2, open) == ClaimResult::claimed);
  std::uint64_t whole = 0;
  REQUIRE(producer.try_claim(2, whole) == ClaimResult::claimed);
  producer.publish(whole, 2);
  CHECK(claim_holding(ring.lines(), 3, 0) == open);
  CHECK(claim_holding(ring.lines(), 9, 0) == open);
  producer.publish(open, 2);
  CHECK(claim_holding(ring.lines(), 3, 0) == whole);
  CHECK(claim_holding(ring.lines(), 1, 0) == open);
  CHECK(claim_holding(ring.lines(), 9, 0) == 4);
}

TEST_CASE("shared_lossy: a reader begins at a position whatever becomes of the claims before it meanwhile") {
  CHECK_FALSE(SharedLossyReader<std::uint64_t>::join(Ring(8).memory(), 0, {.from = JoinFrom::sequence, .position = 1}));
  const auto rounds = InterruptedAtomics::before_each_access([](std::uint64_t nth) {
    Ring ring(8);
    auto producer = ring.producer();
    std::uint64_t open = 0;
    REQUIRE(producer.try_claim(2, open) == ClaimResult::claimed);
    std::uint64_t whole = 0;
    REQUIRE(producer.try_claim(2, whole) == ClaimResult::claimed);
    producer.publish(whole, 2);
    InterruptedAtomics::before_access(nth, [&] { producer.publish(open, 2); });
    const auto sequencer =
        SharedLossySequencer<InterruptedAtomics>::watch(ring.lines(), {.from = JoinFrom::sequence, .position = 3});
    REQUIRE(sequencer);
    // At it, or at the beginning of a claim before it that was not finished when it was looked at.
    CHECK((sequencer->position() == 3 || sequencer->position() == open));
  });
  CHECK(rounds > 5);
}

TEST_CASE("shared_lossy: a claim that is gone is one that need not be waited for") {
  Ring ring(8);
  auto producer = ring.producer();
  const auto sequencer = SharedLossySequencer<>::watch(ring.lines());
  CHECK_FALSE(sequencer->is_there(0));
  for (std::uint64_t i = 0; i < 20; ++i) {
    CHECK(producer.try_push(i) == ClaimResult::claimed);
  }
  CHECK(sequencer->is_there(0));
  CHECK(sequencer->is_there(19));
  CHECK_FALSE(sequencer->is_there(20));
}

TEST_CASE("shared_ring: a newcomer begins at the latest claim that is whole, however far the ring goes meanwhile") {
  const auto rounds = InterruptedAtomics::before_each_access([](std::uint64_t nth) {
    Ring ring(8);
    auto producer = ring.producer();
    CHECK(producer.try_push(0) == ClaimResult::claimed);
    const auto go_on = [&] {
      for (std::uint64_t i = 1; i < 40 && producer.try_push(i) == ClaimResult::claimed; ++i) {
      }
    };
    InterruptedAtomics::before_access(nth, go_on);
    auto reader = InterruptedReader::join(ring.memory(), 0, {.from = JoinFrom::latest}, parks);
    REQUIRE(reader);
    auto expected = reader->position();
    go_on();
    (void)reader->poll([&](std::uint64_t number) { CHECK((expected == 0 || number != 0)); });
    CHECK(reader->position() != expected);
  });
  CHECK(rounds > 5);
  const auto lossy_rounds = InterruptedAtomics::before_each_access([](std::uint64_t nth) {
    Ring ring(8);
    auto producer = ring.producer();
    InterruptedAtomics::before_access(nth, [&] {
      for (std::uint64_t i = 0; i < 40; ++i) {
        CHECK(producer.try_push(i) == ClaimResult::claimed);
      }
    });
    const auto sequencer = SharedLossySequencer<InterruptedAtomics>::watch(ring.lines());
    REQUIRE(sequencer);
    CHECK((sequencer->position() == 0 || sequencer->position() >= 32));
  });
  CHECK(lossy_rounds > 5);
}

TEST_CASE("shared_ring: a contiguous claim that its producer may make at once is looked at for the end of the ring") {
  Ring ring(64);
  auto producer = ring.producer();
  std::uint64_t first = 0;
  const auto claim = [&](std::uint64_t count) {
    REQUIRE(producer.try_claim(count, first) == ClaimResult::claimed);
    producer.publish(first, count);
  };
  const auto claim_up_to = [&](std::uint64_t end) {
    while (first + 1 != end) {
      claim(1);
    }
  };
  claim_up_to(68);
  claim(5); // from here on how much it may claim at once ends four behind an eighth of the ring
  claim_up_to(126);
  REQUIRE(producer.try_claim_contiguous(3, first) == ClaimResult::claimed);
  CHECK(first == 128);
}

TEST_CASE("shared_ring: a reader that comes and goes while room is looked for holds nobody up") {
  const auto rounds = InterruptedAtomics::before_each_access([](std::uint64_t nth) {
    Ring ring(8);
    auto producer = *SharedProducer<std::uint64_t, InterruptedAtomics>::join(ring.memory(), 7, nobody_is_dead, parks);
    InterruptedAtomics::before_access(nth, [&] { ring.reader(0).leave(); });
    for (std::uint64_t i = 0; i < 20; ++i) {
      CHECK(producer.try_push(i) == ClaimResult::claimed);
    }
  });
  CHECK(rounds > 20);
}

TEST_CASE("shared_lossy: a reader that waits for a claim which is aborted then waits for the next one") {
  Ring ring(8);
  auto producer = ring.producer();
  auto reader = *SharedLossyReader<std::uint64_t, InterruptedAtomics>::join(ring.memory(), 0, {}, parks);
  std::uint64_t first = 0;
  REQUIRE(producer.try_claim(1, first) == ClaimResult::claimed);
  InterruptedAtomics::before(&ring.lines().descriptor(first), 3, [&] { producer.abort(first, 1); });
  CHECK(reader.wait(0) == BarrierResult::timed_out);
  CHECK(InterruptedAtomics::left() == 0);
  producer.close();
  CHECK(reader.wait(never) == BarrierResult::detached);
}
