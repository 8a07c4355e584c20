// What a reader of a ring with many producers waits for, and on which bells it sleeps: the conditions themselves,
// without anybody who waits. Whoever waits looks at them as they were when its wait began.

#include "stages.hpp"

#include <algorithm>
#include <cstdint>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::ring;
using namespace ringfleet::ring::test;

namespace {

template <class R>
bool sleeps_on(R& reader, const std::uint32_t& bell) {
  BellList bells(false);
  reader.next_awaited().collect(bells);
  return std::ranges::any_of(bells.words(), [&](const os::FutexWord& word) { return word.word == &bell; });
}

} // namespace

TEST_CASE("shared_ring: a wait is over when its claim is committed, or aborted and to be skipped") {
  for (const bool is_aborted : {false, true}) {
    TwoStages stages;
    auto& [ring, first, second, source] = stages;
    std::uint64_t open = 0;
    REQUIRE(source.try_claim(1, open) == ClaimResult::claimed);
    const auto awaited = first.next_awaited();
    CHECK_FALSE(awaited.is_over());
    is_aborted ? source.abort(open, 1) : source.publish(open, 1);
    CHECK(awaited.is_over());
    CHECK(first.next_awaited().is_over() == !is_aborted); // skipped by now
  }
}

TEST_CASE("shared_ring: the wait of a stage is over when the stage before it has released the claim, or is gone") {
  for (const bool leaves : {false, true}) {
    TwoStages stages;
    auto& [ring, first, second, source] = stages;
    stages.push(2);
    const auto awaited = second.next_awaited();
    CHECK(read(first, 1) == 1);
    CHECK_FALSE(awaited.is_over());
    if (leaves) {
      first.leave();
    } else {
      CHECK(read(first, 1) == 1);
    }
    CHECK(awaited.is_over());
  }
}

TEST_CASE(
    "shared_ring: a wait is over when the ring is closed or the reader evicted; that of a stage, when all is read") {
  TwoStages stages;
  auto& [ring, first, second, source] = stages;
  const auto evicted = first.next_awaited();
  CHECK(source.evict(0, first.incarnation()));
  CHECK(evicted.is_over());

  TwoStages others;
  others.push();
  const auto of_first = others.first.next_awaited();
  CHECK(read(others.first) == 1);
  const auto of_first_then = others.first.next_awaited();
  const auto of_second = others.second.next_awaited();
  others.source.close();
  CHECK(of_first.is_over());
  CHECK(of_first_then.is_over());
  CHECK(of_second.is_over());
}

TEST_CASE("shared_ring: who waits for all readers is told at its deadline that one is behind, until that one leaves") {
  SharedTestRing<Element> ring(8);
  auto reader = ring.reader(0);
  auto source = ring.producer();
  constexpr MonotonicNs long_ago = 1;
  push(source);
  CHECK(source.wait_for_readers(1, long_ago) == BarrierResult::timed_out);
  reader.leave();
  CHECK(source.wait_for_readers(1, long_ago) == BarrierResult::reached);
}

TEST_CASE("shared_ring: a reader sleeps on the bell of the producers, a stage also on that of each stage before it") {
  SharedTestRing<Element> ring(8);
  auto first = ring.reader(0);
  auto second = ring.reader(1);
  auto last = ring.reader(2, {.follows = after_both});
  const auto lines = ring.lines();
  for (auto* stage : {&first, &second, &last}) {
    CHECK(sleeps_on(*stage, lines.shared->bell));
  }
  CHECK_FALSE(sleeps_on(first, lines.readers[1].bell));
  CHECK(sleeps_on(last, lines.readers[0].bell));
  CHECK(sleeps_on(last, lines.readers[1].bell));
}

TEST_CASE("shared_ring: a producer that parks wakes whoever announced that it waits, one that spins wakes nobody") {
  SharedTestRing<Element> ring(8);
  auto reader = ring.reader(0);
  for (const auto& options : {spins, parks}) {
    auto source = ring.producer(options);
    reader.next_awaited().announce();
    push(source);
    CHECK(source.wakes() == (options.waiting == Waiting::park ? 1 : 0));
    CHECK(read(reader) == 1);
  }
}

TEST_CASE("shared_ring: a lossy reader sleeps on the bell of the producers, and is woken once it has announced it") {
  SharedTestRing<Element> ring(8);
  auto reader = ring.lossy(0);
  auto source = ring.producer();
  CHECK(sleeps_on(reader, ring.lines().shared->bell));
  CHECK_FALSE(sleeps_on(reader, ring.lines().readers[0].bell));
  const auto awaited = reader.next_awaited();
  CHECK_FALSE(awaited.is_over());
  push(source);
  CHECK(awaited.is_over());
  CHECK(source.wakes() == 0);
  Element element{};
  CHECK(reader.read(element) == ReadResult::ok);
  reader.next_awaited().announce();
  push(source);
  CHECK(source.wakes() == 1);
}
