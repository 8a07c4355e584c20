// T13: what survivors do about the claims of the dead; the words of the layout.

#include "shared_fixture.hpp"

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::ring;
using namespace ringfleet::ring::test;

namespace {

constexpr std::uint64_t anna = 100;
constexpr std::uint64_t berta = 200;
bool anna_is_dead(std::uint64_t identity) {
  return identity == anna;
}

// Claims of one until one is refused, at most `wanted`.
std::uint64_t pushed(SharedProducer<std::uint64_t>& producer, std::uint64_t& next, std::uint64_t wanted) {
  const auto first = next;
  while (next - first < wanted && producer.try_push(next) == ClaimResult::claimed) {
    ++next;
  }
  return next - first;
}

} // namespace

TEST_CASE("shared_layout: the tail word and a descriptor give back what was put in, at any position") {
  for (const std::uint64_t begin : {0ULL, (1ULL << 31) - 1, (1ULL << 42) - 2, (1ULL << 63) - 1, ~0ULL - 8}) {
    for (const std::uint64_t length : {std::uint64_t{1}, claim_length_max}) {
      for (const std::uint32_t owner : {1U, owners_max - 1}) {
        const Claim claim{.begin = begin, .length = length, .owner = owner, .fate = Fate::committed};
        for (const std::uint64_t ahead : {std::uint64_t{0}, std::uint64_t{2} << 32}) {
          const auto read = claim_of_tail(tail_word(claim), claim.end() + ahead);
          CHECK(read.begin == begin);
          CHECK(read.length == length);
          CHECK(read.owner == owner);
        }
        const auto lap = begin >> 10;
        const auto read = claim_of_descriptor(descriptor_of(claim, lap), begin, lap);
        CHECK(read.length == length);
        CHECK(read.owner == owner);
        CHECK(read.fate == Fate::committed);
        CHECK(claim_of_descriptor(descriptor_of(claim, lap), begin, lap + 1).fate == Fate::none);
      }
    }
  }
}

TEST_CASE(
    "shared_ring: a walk over claims begins within a lap before the end of the latest one, whatever the words say") {
  constexpr std::uint64_t capacity = 16;
  for (const std::uint64_t begin : {std::uint64_t{0}, std::uint64_t{1'000}, ~std::uint64_t{7}}) {
    for (const std::uint32_t length : {0U, 1U, 16U, 17U, 10'000U}) { // a claim of ours is no longer than the ring
      const Claim latest{.begin = begin, .length = length};
      for (std::uint64_t distance = 0; distance <= capacity; ++distance) {
        CHECK(walk_begin(latest.end() - distance, latest, capacity) == latest.end() - distance);
      }
      for (unsigned bit = 5; bit < 64; ++bit) {
        for (std::uint64_t near = 0; near < 64; ++near) {
          const auto finished = latest.end() + (std::uint64_t{1} << bit) + near - 32;
          CHECK(latest.end() - walk_begin(finished, latest, capacity) <= capacity);
        }
      }
    }
  }
}

TEST_CASE("shared_layout: an owner's identity is a pid and a start time") {
  const os::ProcessIdentity process{.pid = 4'194'303, .start_time_ticks = 123'456'789};
  CHECK(process_of(owner_identity(process)) == process);
}

TEST_CASE("shared_ring: a claim of a dead producer is aborted, whether it has its descriptor or not") {
  for (const bool is_described : {false, true}) {
    CAPTURE(is_described);
    SharedTestRing<std::uint64_t> ring(8);
    auto reader = ring.reader(0);
    const auto owner = take_owner(ring.lines(), anna, nobody_is_dead);
    REQUIRE(owner);
    SharedSequencer<> dead(ring.lines(), *owner);
    auto survivor = ring.producer();
    std::uint64_t first = 0;
    REQUIRE(dead.try_claim(1, first) == ClaimResult::claimed);
    dead.commit(first, 1);
    REQUIRE(dead.try_claim(2, first) == ClaimResult::claimed);
    if (is_described) {
      CHECK(survivor.try_push(5) == ClaimResult::claimed);
    }
    CHECK(reader.available() == 1);
    CHECK(survivor.repair(anna_is_dead) == 1);
    CHECK(survivor.repair(anna_is_dead) == 0);
    CHECK(reader.release(1) == ReadResult::ok);
    CHECK(reader.available() == (is_described ? 1 : 0));
    CHECK(reader.position() == 3);
    CHECK(survivor.try_push(6) == ClaimResult::claimed);
    CHECK(reader.slot(3) == (is_described ? 5 : 6));
  }
}

TEST_CASE("shared_ring: a number that was taken over is never repaired under its old name") {
  SharedTestRing<std::uint64_t> ring(8);
  auto reader = ring.reader(0);
  const auto owner = take_owner(ring.lines(), anna, nobody_is_dead);
  SharedSequencer<> dead(ring.lines(), *owner);
  std::uint64_t first = 0;
  REQUIRE(dead.try_claim(1, first) == ClaimResult::claimed);
  for (std::uint32_t other = 2; other < owners_max; ++other) {
    REQUIRE(take_owner(ring.lines(), berta, nobody_is_dead) == other);
  }
  CHECK_FALSE(take_owner(ring.lines(), berta, nobody_is_dead));
  REQUIRE(take_owner(ring.lines(), berta, anna_is_dead) == owner); // has repaired what Anna left
  SharedSequencer<> heir(ring.lines(), *owner);
  REQUIRE(heir.try_claim(1, first) == ClaimResult::claimed);
  CHECK(repair(ring.lines(), *owner, anna) == 0);
  heir.commit(first, 1);
  CHECK(reader.available() == 1);
  CHECK(reader.position() == first);
  release_owner(ring.lines(), *owner, anna);
  CHECK(ring.lines().owners->identity[*owner] == berta);
}

TEST_CASE("shared_ring: a producer that leaves gives its number back") {
  SharedTestRing<std::uint64_t> ring(8);
  auto one = ring.producer();
  const auto number = one.owner();
  auto two = ring.producer();
  CHECK(two.owner() != number);
  one = std::move(two); // what the first one held is released
  CHECK(ring.producer().owner() == number);
}

TEST_CASE("shared_ring: a producer that leaves aborts what it has claimed and not published") {
  SharedTestRing<std::uint64_t> ring(8);
  auto reader = ring.reader(0);
  auto survivor = ring.producer();
  {
    auto leaver = ring.producer();
    std::uint64_t first = 0;
    REQUIRE(leaver.try_claim(2, first) == ClaimResult::claimed);
    REQUIRE(leaver.try_claim(1, first) == ClaimResult::claimed);
    leaver.publish(first, 1);
  }
  CHECK(reader.available() == 1);
  CHECK(reader.position() == 2);
  CHECK(survivor.try_push(7) == ClaimResult::claimed);
}

TEST_CASE("shared_ring: whoever waits for a later claim says that an earlier wait was replaced") {
  SharedTestRing<std::uint64_t> ring(8);
  auto one = ring.producer();
  auto two = ring.producer();
  CHECK(one.sequencer().announce_descriptor(3)); // over the value of a fresh ring
  CHECK_FALSE(two.sequencer().announce_descriptor(3));
  CHECK(two.sequencer().announce_descriptor(5));
  CHECK_FALSE(one.sequencer().announce_descriptor(3));
  CHECK(one.sequencer().is_awaited(5, 6));
  CHECK_FALSE(one.sequencer().is_awaited(3, 5));
}

// Room is granted ahead of what was asked for, an eighth of the ring at a time: of fewer than sixteen slots never more.
TEST_CASE("shared_ring: what is granted ahead ends where the slowest reader has room") { // fault 38
  for (const std::uint64_t capacity : {8ULL, 16ULL, 64ULL, 1024ULL}) {
    CAPTURE(capacity);
    SharedTestRing<std::uint64_t> ring(capacity);
    auto reader = ring.reader(0);
    auto producer = ring.producer();
    std::uint64_t next = 0;
    CHECK(pushed(producer, next, capacity + 1) == capacity);
    for (const std::uint64_t released : {capacity, std::uint64_t{1}, capacity / 2 + 1}) {
      CHECK(reader.available() >= released);
      CHECK(reader.slot(reader.position()) == reader.position());
      CHECK(reader.release(released) == ReadResult::ok);
      CHECK(pushed(producer, next, capacity + 1) == released);
    }
  }
}
