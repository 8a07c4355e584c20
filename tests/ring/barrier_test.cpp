#include "ring_fixture.hpp"

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::ring;
using namespace ringfleet::ring::test;

namespace {

// Parks without climbing, so that every wait is a park. Bounded: a lost wake is a failure, not a hang.
bool park_until(const Sequence& sequence, std::uint64_t& flag, std::uint64_t position) {
  const auto deadline = monotonic_now() + 20'000'000'000;
  while (is_before(sequence.observe(), position)) {
    announce_wait(flag, position);
    const auto value = sequence.observe();
    if (is_before(value, position)) {
      const std::array words{os::FutexWord{&futex_half(sequence.value), static_cast<std::uint32_t>(value), false}};
      if (os::futex_wait_any(words, deadline) == os::WaitResult::timed_out) {
        return false;
      }
    }
  }
  return true;
}

bool publish_and_wake(Sequence& sequence, const std::uint64_t& flag, std::uint64_t position) {
  sequence.publish(position);
  return wake_waiters(
      sequence, position - 1, position, 1, [&](std::size_t) -> const std::uint64_t& { return flag; }, false);
}

} // namespace

// trap 2
TEST_CASE("parking: no wake is lost (10^6 parks, two threads in turn)") {
  const std::uint64_t turns = 500'000 / scale_down; // each parks once a turn
  Sequence ping{};
  Sequence pong{};
  alignas(64) std::uint64_t ping_flag = 0;
  alignas(64) std::uint64_t pong_flag = 0;
  std::atomic<bool> lost = false;
  std::thread other([&] {
    for (std::uint64_t turn = 1; turn <= turns && !lost; ++turn) {
      if (!park_until(ping, ping_flag, turn)) {
        lost = true;
      }
      publish_and_wake(pong, pong_flag, turn);
    }
  });
  for (std::uint64_t turn = 1; turn <= turns && !lost; ++turn) {
    publish_and_wake(ping, ping_flag, turn);
    if (!park_until(pong, pong_flag, turn)) {
      lost = true;
    }
  }
  other.join();
  CHECK_FALSE(lost);
}

// trap 3
TEST_CASE("parking: a waiter that is stopped after it announced costs one wake, however much is published") {
  Sequence cursor{};
  std::uint64_t flag = 0;
  announce_wait(flag, std::uint64_t{5}); // and then it does not run any more
  std::uint64_t wakes = 0;
  for (std::uint64_t position = 1; position <= 100'000; ++position) {
    wakes += publish_and_wake(cursor, flag, position);
  }
  CHECK(wakes == 1);
}

// trap 3
TEST_CASE("ring: a reader that is stopped after it announced costs its producer one wake") {
  TestRing<std::uint64_t> ring(1 << 10);
  auto reader = Reader<std::uint64_t>::join(ring.memory(), 0, parks);
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
  alignas(64) std::uint64_t flag = 0;
  std::vector<std::uint64_t> left_values(total);
  std::vector<std::uint64_t> right_values(total);
  auto stage = [&](Sequence& own, std::vector<std::uint64_t>& values, std::uint64_t factor) {
    for (std::uint64_t i = 0; i < total; ++i) {
      values[i] = factor * i;
      publish_and_wake(own, flag, i + 1);
    }
  };
  std::thread first([&] { stage(left, left_values, 3); });
  std::thread second([&] { stage(right, right_values, 5); });
  Barrier barrier(flag, parks);
  std::uint64_t wrong = 0;
  for (std::uint64_t i = 0; i < total; ++i) {
    const auto result =
        barrier.wait(i + 1, 2, [&](std::size_t which) -> const Sequence& { return which == 0 ? left : right; }, never);
    wrong += result != BarrierResult::reached || left_values[i] != 3 * i || right_values[i] != 5 * i;
  }
  first.join();
  second.join();
  CHECK(wrong == 0);
}

TEST_CASE("barrier: a wait ends at its deadline, and when somebody has died") {
  const Sequence sequence{};
  std::uint64_t flag = 0;
  auto only = [&](std::size_t) -> const Sequence& { return sequence; };
  Barrier lonely(flag, parks);
  CHECK(lonely.wait(1, 1, only, monotonic_now() + 1'000'000) == BarrierResult::timed_out);
  CHECK(lonely.wait(0, 1, only, never) == BarrierResult::reached);

  memory::Obituary obituary;
  Barrier watching(flag, {.waiting = Waiting::park, .obituary = &obituary, .shared = false});
  std::atomic<bool> done = false;
  std::thread watcher([&] {
    while (!done) {
      obituary.announce();
      yield_core();
    }
  });
  CHECK(watching.wait(1, 1, only, never) == BarrierResult::peer_died); // trap 1
  done = true;
  watcher.join();
}
