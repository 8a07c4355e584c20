// Waits: parked, woken, detached. RINGFLEET_TEST_ROUNDS: how many parks.

#include "../seed.hpp"
#include "ring_fixture.hpp"

#include <algorithm>
#include <utility>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::ring;
using namespace ringfleet::ring::test;

namespace {

// Parks without climbing, so that every wait is a park. Bounded: a lost wake is a failure, not a hang. Counts how often
// it was asleep and woken: the others found, at the last look, what they were about to wait for.
bool park_until(const Sequence& sequence, const std::uint32_t& bell, std::uint64_t& flag, std::uint64_t position,
                std::uint64_t& woken) {
  const auto deadline = monotonic_now() + 20'000'000'000;
  while (is_before(sequence.observe(), position)) {
    BellList bells(false);
    bells.add(bell);
    announce_wait(flag, position);
    if (is_before(sequence.observe(), position)) {
      const auto result = os::futex_wait_any(bells.words(), deadline);
      if (result == os::WaitResult::timed_out) {
        return false;
      }
      woken += result == os::WaitResult::woken;
    }
  }
  return true;
}

bool publish_and_wake(Sequence& sequence, std::uint32_t& bell, const std::uint64_t& flag, std::uint64_t position) {
  sequence.publish(position);
  const bool awaited = is_awaited(flag, position - 1, position);
  if (awaited) {
    ring_bell(bell, false);
  }
  return awaited;
}

// A stage that waits for several sequences, each with its bell.
struct SequencesAwaited {
  std::uint64_t& flag;
  std::uint64_t position;
  std::vector<std::pair<const Sequence*, const std::uint32_t*>> sequences;

  bool is_over() const {
    return std::none_of(sequences.begin(), sequences.end(),
                        [&](const auto& each) { return is_before(each.first->observe(), position); });
  }
  void announce() const { announce_wait(flag, position); }
  void collect(BellList& bells) const {
    for (const auto& each : sequences) {
      bells.add(*each.second);
    }
  }
};

} // namespace

// T14, trap 2
TEST_CASE("parking: no wake is lost (10^6 parks, two threads in turn)") {
  const auto parks_wanted = ringfleet::test::rounds_or(1'000'000 / scale_down);
  const auto turns = parks_wanted / 2; // each parks once a turn
  Sequence ping{};
  Sequence pong{};
  std::uint32_t ping_bell = 0;
  std::uint32_t pong_bell = 0;
  alignas(64) std::uint64_t ping_flag = 0;
  alignas(64) std::uint64_t pong_flag = 0;
  std::atomic<bool> lost = false;
  std::uint64_t woken = 0;
  std::uint64_t other_woken = 0;
  std::thread other([&] {
    for (std::uint64_t turn = 1; turn <= turns && !lost; ++turn) {
      if (!park_until(ping, ping_bell, ping_flag, turn, other_woken)) {
        lost = true;
      }
      publish_and_wake(pong, pong_bell, pong_flag, turn);
    }
  });
  for (std::uint64_t turn = 1; turn <= turns && !lost; ++turn) {
    publish_and_wake(ping, ping_bell, ping_flag, turn);
    if (!park_until(pong, pong_bell, pong_flag, turn, woken)) {
      lost = true;
    }
  }
  other.join();
  MESSAGE(parks_wanted, " parks, ", woken + other_woken, " of them asleep and woken");
  CHECK_FALSE(lost);
}

// trap 3
TEST_CASE("parking: a waiter that is stopped after it announced costs one wake, however much is published") {
  Sequence cursor{};
  std::uint32_t bell = 0;
  std::uint64_t flag = 0;
  announce_wait(flag, std::uint64_t{5}); // and then it does not run any more
  std::uint64_t wakes = 0;
  for (std::uint64_t position = 1; position <= 100'000; ++position) {
    wakes += publish_and_wake(cursor, bell, flag, position);
  }
  CHECK(wakes == 1);
}

// trap 3
TEST_CASE("ring: a reader that is stopped after it announced costs its producer one wake") {
  TestRing<std::uint64_t> ring(1 << 10);
  auto reader = Reader<std::uint64_t>::join(ring.memory(), 0, {}, parks);
  announce_wait(ring.reader(0).awaited_cursor, std::uint64_t{1});
  Producer<std::uint64_t> producer(ring.memory(), parks);
  for (std::uint64_t i = 0; i < 1'000; ++i) {
    REQUIRE(producer.try_push(i) == ClaimResult::claimed);
  }
  CHECK(producer.wakes() == 1);
  CHECK(reader->available() == 1'000);
}

TEST_CASE("parking: a batch that jumps over the awaited position wakes, one before or behind it does not") {
  std::uint64_t flag = 0;
  announce_wait(flag, std::uint64_t{10});
  CHECK_FALSE(is_awaited(flag, 5, 9));
  CHECK(is_awaited(flag, 9, 10));
  CHECK(is_awaited(flag, 5, 100));
  CHECK_FALSE(is_awaited(flag, 10, 100));
  announce_wait(flag, std::uint64_t{3}); // across the wrap
  CHECK(is_awaited(flag, ~std::uint64_t{1}, 4));
}

TEST_CASE("barrier: a stage waits for the slower of two stages before it (diamond of threads)") {
  const std::uint64_t total = 50'000 / scale_down;
  Sequence left{};
  Sequence right{};
  std::uint32_t left_bell = 0;
  std::uint32_t right_bell = 0;
  alignas(64) std::uint64_t flag = 0;
  std::vector<std::uint64_t> left_values(total);
  std::vector<std::uint64_t> right_values(total);
  auto stage = [&](Sequence& own, std::uint32_t& bell, std::vector<std::uint64_t>& values, std::uint64_t factor) {
    for (std::uint64_t i = 0; i < total; ++i) {
      values[i] = factor * i;
      publish_and_wake(own, bell, flag, i + 1);
    }
  };
  std::thread first([&] { stage(left, left_bell, left_values, 3); });
  std::thread second([&] { stage(right, right_bell, right_values, 5); });
  Barrier barrier(parks);
  std::uint64_t wrong = 0;
  SequencesAwaited both{flag, 0, {{&left, &left_bell}, {&right, &right_bell}}};
  for (std::uint64_t i = 0; i < total; ++i) {
    both.position = i + 1;
    wrong += barrier.wait(both, never) != BarrierResult::reached || left_values[i] != 3 * i || right_values[i] != 5 * i;
  }
  first.join();
  second.join();
  CHECK(wrong == 0);
}

TEST_CASE("barrier: a wait ends at its deadline") {
  const Sequence sequence{};
  const std::uint32_t bell = 0;
  std::uint64_t flag = 0;
  for (const auto& options : {parks, spins}) {
    Barrier lonely(options);
    CHECK(lonely.wait(SequencesAwaited{flag, 1, {{&sequence, &bell}}}, monotonic_now() + 1'000'000) ==
          BarrierResult::timed_out);
    CHECK(lonely.wait(SequencesAwaited{flag, 0, {{&sequence, &bell}}}, never) == BarrierResult::reached);
  }
}

// trap 1
TEST_CASE("ring: a reader that waits for a dead producer is detached, when it has read what was published") {
  for (int round = 0; round < 200 / static_cast<int>(scale_down); ++round) {
    TestRing<std::uint64_t> ring(4);
    memory::Obituary obituary;
    ProcessWord<std::uint32_t> dead;
    auto reader = Reader<std::uint64_t>::join(
        ring.memory(), 0, {}, {.waiting = Waiting::park, .obituary = &obituary, .dead = &dead, .shared = false});
    Producer<std::uint64_t> producer(ring.memory(), parks);
    REQUIRE(producer.try_push(7) == ClaimResult::claimed);
    std::thread watcher([&] {
      obituary.announce(); // of somebody else
      dead.publish(1);
      obituary.announce();
    });
    CHECK(reader->wait(1, never) == BarrierResult::reached);
    CHECK(reader->poll([](std::uint64_t value) { CHECK(value == 7); }).count == 1);
    CHECK(reader->wait(1, never) == BarrierResult::detached);
    CHECK(reader->poll([](std::uint64_t) {}).result == ReadResult::detached);
    watcher.join();
  }
}

TEST_CASE("ladder: who is alone on a processor does not spin, who shares one spins less") {
  CHECK(ladder_for(1, 1).spins == 0);
  CHECK(ladder_for(1, 1).yields == 0);
  CHECK(ladder_for(1, 4).spins < ladder_for(4, 4).spins);
  CHECK(ladder_for(1, 4).yields != 0);
}

TEST_CASE("ladder: looking less often leaves the climb as long as it was") {
  const LadderSteps steps{.spins = 12, .yields = 5};
  unsigned looks = 0;
  const auto never_ready = [&] {
    ++looks;
    return false;
  };
  CHECK_FALSE(climb(steps, never_ready));
  CHECK(looks == 12 + 1 + 5);
  looks = 0;
  CHECK_FALSE(climb<3>(steps, never_ready));
  CHECK(looks == 12 / 3 + 1 + 5);
  looks = 0;
  CHECK_FALSE(climb<3>(LadderSteps{}, never_ready));
  CHECK(looks == 1);
}
