// Litmus tests: tiny programs for two threads, run many times. Every outcome is in the table, as allowed or forbidden,
// with how often it was seen. What a table forbids is what the protocols rely on.

#include "../scale.hpp"
#include "ringfleet/base/atomics.hpp"
#include "ringfleet/ring/sequence.hpp"
#include "ringfleet/ring/wait_ladder.hpp"

#include <array>
#include <cstdint>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::ring;

namespace {

struct alignas(128) Word {
  std::uint64_t value = 0;
};

struct Round {
  Word x;
  Word y;
  std::uint64_t seen_by_a = 0;
  std::uint64_t seen_by_b = 0;
};

// Both threads run each round at about the same time. outcome[a][b]: how often a saw `a` and b saw `b`.
template <class A, class B>
std::array<std::array<std::uint64_t, 2>, 2> run(A a, B b) {
  const std::size_t rounds = 400'000 / ringfleet::test::scale_down;
  std::vector<Round> all(rounds);
  Sequence at_a{};
  Sequence at_b{};
  auto meet = [](Sequence& own, const Sequence& other, std::uint64_t round) {
    own.publish(round);
    for (int looks = 0; is_before(other.observe(), round); ++looks) {
      if (looks > 200) {
        yield_core();
      }
    }
  };
  std::thread other([&] {
    for (std::size_t i = 0; i < rounds; ++i) {
      meet(at_b, at_a, i + 1);
      all[i].seen_by_b = b(all[i]);
    }
  });
  for (std::size_t i = 0; i < rounds; ++i) {
    meet(at_a, at_b, i + 1);
    all[i].seen_by_a = a(all[i]);
  }
  other.join();
  std::array<std::array<std::uint64_t, 2>, 2> outcome{};
  for (const auto& round : all) {
    ++outcome[round.seen_by_a][round.seen_by_b];
  }
  return outcome;
}

} // namespace

TEST_CASE("litmus: what was written before a release is seen with it (message passing: ring.sequence, lane.*)") {
  const auto seen = run(
      [](Round& round) {
        Atomics::store_relaxed(round.x.value, std::uint64_t{1});
        Atomics::store_release(round.y.value, std::uint64_t{1});
        return std::uint64_t{0};
      },
      [](Round& round) {
        const auto flag = Atomics::load_acquire(round.y.value);
        const auto data = Atomics::load_relaxed(round.x.value);
        return std::uint64_t{flag == 1 && data == 0};
      });
  MESSAGE("message passing   allowed: data with the flag, or no flag: ", seen[0][0]);
  MESSAGE("                  forbidden: the flag without its data:   ", seen[0][1]);
  CHECK(seen[0][1] == 0);
}

TEST_CASE(
    "litmus: of two that announce and look, with a barrier between, one sees the other (store buffer: ring.parking)") {
  auto announce_and_look = [](std::uint64_t& own, const std::uint64_t& others, bool barrier) {
    Atomics::store_release(own, std::uint64_t{1});
    if (barrier) {
      Atomics::store_load_barrier();
    }
    return Atomics::load_acquire(others);
  };
  const auto with = run([&](Round& round) { return announce_and_look(round.x.value, round.y.value, true); },
                        [&](Round& round) { return announce_and_look(round.y.value, round.x.value, true); });
  const auto without = run([&](Round& round) { return announce_and_look(round.x.value, round.y.value, false); },
                           [&](Round& round) { return announce_and_look(round.y.value, round.x.value, false); });
  MESSAGE("store buffer      both see: ", with[1][1], "  one sees: ", with[0][1] + with[1][0],
          "  forbidden, neither sees: ", with[0][0]);
  MESSAGE("  without barrier both see: ", without[1][1], "  one sees: ", without[0][1] + without[1][0],
          "  allowed, neither sees: ", without[0][0]);
  CHECK(with[0][0] == 0);
}

TEST_CASE("litmus: two claimers of one free word: one wins (compare-exchange: lane.slot, ring.join)") {
  auto claim = [](Round& round) {
    std::uint64_t expected = 0;
    return std::uint64_t{Atomics::compare_exchange(round.x.value, expected, std::uint64_t{1})};
  };
  const auto seen = run(claim, claim);
  MESSAGE("claim             allowed, the first: ", seen[1][0], ", the second: ", seen[0][1]);
  MESSAGE("                  forbidden, both: ", seen[1][1], ", neither: ", seen[0][0]);
  CHECK(seen[1][1] == 0);
  CHECK(seen[0][0] == 0);
}
