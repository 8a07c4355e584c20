// The ring between processes: order and completeness, deaths, and what enters the kernel.
// RINGFLEET_TEST_ROUNDS: how many elements one reader gets.

#include "../os/forked_child.hpp"
#include "../os/no_system_calls.hpp"
#include "../seed.hpp"
#include "ring_fixture.hpp"

#include <csignal>

#include <doctest/doctest.h>

#include <unistd.h>

using namespace ringfleet;
using namespace ringfleet::ring;
using namespace ringfleet::ring::test;
using ringfleet::test::end_thread;
using ringfleet::test::forbid_system_calls;
using ringfleet::test::forbid_system_calls_and_clocks;
using ringfleet::test::fork_child;
using ringfleet::test::in_forked_child;
using ringfleet::test::rounds_or;
using ringfleet::test::wait_for_child;

namespace {

template <std::size_t capacity>
void check_completeness(unsigned readers, std::uint64_t batch, const BarrierOptions& options, std::uint64_t total,
                        std::uint64_t first_position = 0) {
  CAPTURE(readers);
  CAPTURE(batch);
  MappedRing<Element, capacity> ring(first_position);
  std::vector<pid_t> children;
  for (unsigned line = 0; line < readers; ++line) {
    children.push_back(fork_child([&] {
      auto reader = Reader<Element>::join(ring.memory(), line, {}, options);
      ring.word(line).publish(1);
      return reader && read_all(*reader, total, batch + line) == 0 ? 0 : 1;
    }));
  }
  for (unsigned line = 0; line < readers; ++line) {
    while (ring.word(line).observe() == 0) {
      yield_core();
    }
  }
  Producer<Element> producer(ring.memory(), options);
  write_all(producer, total, batch);
  for (const auto child : children) {
    CHECK(wait_for_child(child).code == 0);
  }
}

} // namespace

// T1
TEST_CASE("ring: every element arrives once and in order (1p1c, processes)") {
  check_completeness<64>(1, 1, parks_shared, rounds_or(100'000 / scale_down));
  check_completeness<1024>(1, 16, {.waiting = Waiting::spin}, rounds_or(500'000 / scale_down));
  check_completeness<1>(1, 1, parks_shared, 10'000 / scale_down);
  check_completeness<8>(1, 3, parks_shared, 20'000 / scale_down, (1ULL << 32) - 9);
}

// T2
TEST_CASE("ring: every reader gets every element in order (1p3c, processes)") {
  check_completeness<64>(3, 5, parks_shared, 60'000 / scale_down);
}

TEST_CASE("ring: a reader that is killed while the producer waits for it stops nobody, once its line is vacated") {
  MappedRing<std::uint64_t, 2> ring;
  memory::Obituary obituary;
  const auto child = fork_child([&]() -> int {
    auto reader = Reader<std::uint64_t>::join(ring.memory(), 0, {}, parks_shared);
    ring.word(0).publish(1);
    for (;;) {
      ::pause();
    }
  });
  while (ring.word(0).observe() == 0) {
    yield_core();
  }
  Producer<std::uint64_t> producer(ring.memory(), {.waiting = Waiting::park, .obituary = &obituary});
  REQUIRE(producer.try_push(1) == ClaimResult::claimed);
  REQUIRE(producer.try_push(2) == ClaimResult::claimed);
  std::uint64_t was_at = ~std::uint64_t{0};
  std::thread watching([&] {
    ::kill(child, SIGKILL);
    wait_for_child(child);
    was_at = vacate(ring.reader(0));
    obituary.announce();
  });
  std::uint64_t first = 0;
  CHECK(producer.claim(1, first, patience()) == ClaimResult::claimed);
  watching.join();
  CHECK(was_at == 0);
  // The same reader comes back, and goes on where it was as far as that is still there.
  auto again =
      Reader<std::uint64_t>::join(ring.memory(), 0, {.from = JoinFrom::sequence, .position = was_at}, parks_shared);
  REQUIRE(again);
  CHECK(again->position() == was_at + again->missed());
}

// T12
TEST_CASE("ring: a reader drains what a killed producer published, and sees nothing of what it had not") {
  for (int round = 0; round < (scale_down == 1 ? 10 : 2); ++round) {
    MappedRing<Element, 16> ring;
    memory::Obituary obituary;
    ProcessWord<std::uint32_t> dead;
    auto reader =
        Reader<Element>::join(ring.memory(), 0, {}, {.waiting = Waiting::park, .obituary = &obituary, .dead = &dead});
    const auto child = fork_child([&] {
      Producer<Element> producer(ring.memory(), parks_shared);
      write_all(producer, ~std::uint64_t{0}, 3);
      return 1;
    });
    std::uint64_t expected = 0;
    std::uint64_t wrong = 0;
    const auto take = [&](const Element& element) {
      wrong += element.number != expected || element.twice != 2 * expected;
      ++expected;
    };
    while (expected < 300) {
      REQUIRE(reader->wait(1, patience()) == BarrierResult::reached);
      CHECK(reader->poll(take).result == ReadResult::ok);
    }
    ::kill(child, SIGKILL);
    std::thread watching([&] {
      wait_for_child(child);
      dead.publish(1);
      obituary.announce();
    });
    auto result = BarrierResult::reached;
    while (result == BarrierResult::reached) {
      result = reader->wait(1, patience());
      (void)reader->poll(take);
    }
    CHECK(result == BarrierResult::detached);
    CHECK(expected % 3 == 0); // whole batches
    CHECK(wrong == 0);
    watching.join();
    // Another producer goes on where it was.
    Producer<Element> next(ring.memory(), parks_shared);
    CHECK(next.published() == expected);
    CHECK(next.try_push(Element{expected, 2 * expected}) == ClaimResult::claimed);
    CHECK(reader->poll(take).count == 1);
    CHECK(wrong == 0);
  }
}

namespace {

// A child that publishes and reads after it has called `forbid`.
void check_allowed_after(void (*forbid)(), const JoinOptions& join_options) {
  if (scale_down != 1) {
    MESSAGE("a sanitizer enters the kernel for its own purposes: not shown");
    return;
  }
  for (const auto waiting : {Waiting::park, Waiting::spin}) {
    MappedRing<std::uint64_t, 64> ring;
    const auto status = in_forked_child([&]() -> int {
      const BarrierOptions options{.waiting = waiting};
      Producer<std::uint64_t> producer(ring.memory(), options);
      auto reader = Reader<std::uint64_t>::join(ring.memory(), 0, join_options, options);
      auto lossy = LossyReader<std::uint64_t>::join(ring.memory(), 1, {}, options);
      forbid();
      std::uint64_t wrong = 0;
      std::uint64_t expected = 0;
      for (std::uint64_t number = 0; number < 100'000;) {
        for (int i = 0; i < 5; ++i, ++number) {
          wrong += producer.try_push(number) != ClaimResult::claimed;
        }
        wrong += reader->poll([&](std::uint64_t value) { wrong += value != expected++; }).count != 5;
        wrong += lossy->poll([](std::uint64_t) {}).count != 5;
      }
      end_thread(wrong == 0 ? 0 : 1);
    });
    if (status.code == 77 && !status.signalled) {
      MESSAGE("this machine has no seccomp: not shown");
      return;
    }
    CHECK_FALSE(status.signalled);
    CHECK(status.code == 0);
  }
}

} // namespace

// T1, T14
TEST_CASE("ring: publishing and reading without anybody parked make no system call (park and spin rings)") {
  check_allowed_after(forbid_system_calls, {});
}
TEST_CASE("ring: a reader that is not paced reads no clock: strict seccomp lets it live") {
  check_allowed_after(forbid_system_calls_and_clocks, {.paced = false});
}
