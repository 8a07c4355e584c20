// Who gets the number of a producer, or an arena, when several want it, forced.

#include "../interrupted_atomics.hpp"
#include "ringfleet/ring/shared_lenders.hpp"
#include "shared_fixture.hpp"

#include <array>
#include <functional>
#include <optional>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::ring;
using namespace ringfleet::ring::test;
using ringfleet::test::InterruptedAtomics;

namespace {

using Ring = SharedTestRing<std::uint64_t>;

} // namespace

TEST_CASE("shared_ring: a number that somebody else takes first is left to him, and the next one is taken") {
  const auto rounds = InterruptedAtomics::before_each_access([](std::uint64_t nth) {
    Ring ring(8);
    const auto lines = ring.lines();
    std::optional<std::uint32_t> other;
    InterruptedAtomics::before_access(nth, [&] { other = take_owner(lines, 5, nobody_is_dead); });
    const auto mine = take_owner<InterruptedAtomics>(lines, 6, nobody_is_dead);
    REQUIRE(mine);
    CHECK(lines.owners->identity[*mine] == 6);
    if (InterruptedAtomics::left() == 0) {
      REQUIRE(other);
      CHECK(*other != *mine);
      CHECK(lines.owners->identity[*other] == 5);
      CHECK(lines.shared->owners_used == 3);
      // A number that is used again is counted once.
      release_owner(lines, *mine, 6);
      CHECK(take_owner<InterruptedAtomics>(lines, 7, nobody_is_dead) == *mine);
      CHECK(lines.shared->owners_used == 3);
    }
  });
  CHECK(rounds > 4);
}

TEST_CASE("shared_ring: an arena that somebody else takes first is left to him, and the next one is taken") {
  const auto rounds = InterruptedAtomics::before_each_access([](std::uint64_t nth) {
    std::array<std::uint64_t, 2> lenders{};
    std::optional<std::uint32_t> other;
    InterruptedAtomics::before_access(nth, [&] { other = take_arena(lenders, 5, nobody_is_dead); });
    const auto mine = take_arena<InterruptedAtomics>(lenders, 6, nobody_is_dead);
    REQUIRE(mine);
    CHECK(lenders[*mine - 1] == 6);
    CHECK((!other || lenders[*other - 1] == 5));
  });
  CHECK(rounds > 2);
}

TEST_CASE("shared_ring: when every number is held by the living nobody joins, though one be given back meanwhile") {
  Ring ring(8);
  const auto lines = ring.lines();
  for (std::uint32_t owner = 1; owner < owners_max; ++owner) {
    REQUIRE(take_owner(lines, 100 + owner, nobody_is_dead) == owner);
  }
  CHECK_FALSE(SharedProducer<std::uint64_t>::join(ring.memory(), 5, nobody_is_dead, parks));
  std::function<bool(std::uint64_t)> is_dead = [&](std::uint64_t holder) {
    if (holder == 101) {
      release_owner(lines, 2, 102);
    }
    return false;
  };
  CHECK_FALSE(take_owner(lines, 5, is_dead));
  CHECK(SharedProducer<std::uint64_t>::join(ring.memory(), 5, nobody_is_dead, parks)->owner() == 2);
  REQUIRE(take_owner(lines, 102, nobody_is_dead) == 2U); // it has left
  is_dead = [](std::uint64_t holder) { return holder == 103; };
  CHECK(take_owner(lines, 5, is_dead) == 3U);

  std::array<std::uint64_t, 2> lenders{7, 8};
  is_dead = [&](std::uint64_t holder) {
    if (holder == 7) {
      release_arena(lenders, 2);
    }
    return false;
  };
  CHECK_FALSE(take_arena(lenders, 9, is_dead));
  CHECK(take_arena(lenders, 9, is_dead) == 2U);
  is_dead = [](std::uint64_t holder) { return holder == 9; };
  CHECK(take_arena(lenders, 10, is_dead) == 2U);
}

TEST_CASE("shared_ring: who claims behind a producer that has joined since is told so, whoever had its number before") {
  SharedTestRing<std::uint64_t> ring(8);
  auto first = ring.producer();
  const auto joins_told = [&] {
    CHECK(first.try_push(0) == ClaimResult::claimed);
    return first.sequencer().owner_joins();
  };
  auto joins = joins_told();
  CHECK(joins_told() == joins);
  for (int newcomers = 0; newcomers < 2; ++newcomers) { // the second under the number that the first gave back
    auto other = ring.producer();
    CHECK(other.owner() == 2);
    for (int claims = 0; claims < 2; ++claims) {
      CHECK(other.try_push(1) == ClaimResult::claimed);
      CHECK(joins_told() == joins + 1);
    }
    ++joins;
  }
}
