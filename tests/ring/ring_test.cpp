// RINGFLEET_TEST_ROUNDS: how many elements one reader gets from a ring of 1,024.

#include "../seed.hpp"
#include "ring_fixture.hpp"

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::ring;
using namespace ringfleet::ring::test;

namespace {

void check_completeness(unsigned readers, std::uint64_t batch, std::size_t capacity, const BarrierOptions& options,
                        std::uint64_t total, std::uint64_t first_position = 0) {
  CAPTURE(readers);
  CAPTURE(batch);
  CAPTURE(capacity);
  CAPTURE(first_position);
  TestRing<Element> ring(capacity, first_position);
  std::atomic<std::uint64_t> wrong = 0;
  std::vector<std::thread> threads;
  for (unsigned line = 0; line < readers; ++line) {
    auto reader = Reader<Element>::join(ring.memory(), line, {}, options);
    REQUIRE(reader);
    REQUIRE(reader->position() == first_position);
    threads.emplace_back(
        [&, line, reader = std::move(*reader)]() mutable { wrong += read_all(reader, total, batch + line); });
  }
  Producer<Element> producer(ring.memory(), options);
  write_all(producer, total, batch);
  for (auto& thread : threads) {
    thread.join();
  }
  CHECK(wrong == 0);
  CHECK(ring.producer().cursor.observe() == first_position + total);
}

} // namespace

// T1
TEST_CASE("ring: every element arrives once and in order (1p1c)") {
  for (const auto& options : {parks, spins}) {
    check_completeness(1, 1, 64, options, 300'000 / scale_down);
    check_completeness(1, 7, 64, options, 300'000 / scale_down);
  }
  check_completeness(1, 16, 1'024, parks, ringfleet::test::rounds_or(300'000 / scale_down));
  check_completeness(1, 1, 1, parks, 20'000 / scale_down);
}

TEST_CASE("ring: every reader gets every element in order (1p3c)") {
  check_completeness(3, 1, 16, parks, 30'000 / scale_down);
  check_completeness(3, 16, 16, parks, 100'000 / scale_down);
  check_completeness(3, 5, 64, spins, 3'000 / scale_down);
}

TEST_CASE("ring: positions near 2^31, 2^32 and 2^63 are ordinary (fault 39)") {
  for (const std::uint64_t first : {(1ULL << 31) - 9, (1ULL << 32) - 9, (1ULL << 63) - 9}) {
    check_completeness(2, 3, 4, parks, 2'000, first);
  }
}

TEST_CASE("ring: a full ring refuses, and one release makes room for one") { // fault 38
  TestRing<std::uint64_t> ring(4);
  auto reader = Reader<std::uint64_t>::join(ring.memory(), 0, {}, parks);
  Producer<std::uint64_t> producer(ring.memory(), parks);
  for (std::uint64_t i = 0; i < 4; ++i) {
    CHECK(producer.try_push(i) == ClaimResult::claimed);
  }
  CHECK(producer.try_push(4) == ClaimResult::full);
  std::uint64_t first = 0;
  CHECK(producer.claim(1, first, monotonic_now()) == ClaimResult::full);
  CHECK(reader->available() == 4);
  CHECK(reader->slot(reader->position()) == 0);
  CHECK(reader->release(1) == ReadResult::ok);
  CHECK(producer.try_push(4) == ClaimResult::claimed);
  CHECK(producer.try_push(5) == ClaimResult::full);
  CHECK(producer.try_claim(2, first) == ClaimResult::full);
  CHECK(reader->release(3) == ReadResult::ok);
  CHECK(reader->available() == 1);
  CHECK(reader->slot(reader->position()) == 4);
}

TEST_CASE("ring: a reader joins at latest, on a line of its own, and stops gating when it leaves") {
  TestRing<std::uint64_t> ring(4);
  Producer<std::uint64_t> producer(ring.memory(), parks);
  for (std::uint64_t i = 0; i < 10; ++i) {
    CHECK(producer.try_push(i) == ClaimResult::claimed); // nobody there: nothing gates
  }
  auto reader = Reader<std::uint64_t>::join(ring.memory(), 2, {}, parks);
  REQUIRE(reader);
  CHECK(reader->position() == 10);
  CHECK(reader->available() == 0);
  CHECK_FALSE(Reader<std::uint64_t>::join(ring.memory(), 2, {}, parks));
  for (std::uint64_t i = 10; i < 14; ++i) {
    CHECK(producer.try_push(i) == ClaimResult::claimed);
  }
  CHECK(producer.try_push(14) == ClaimResult::full);
  CHECK(reader->slot(10) == 10);
  reader->leave();
  CHECK(producer.try_push(14) == ClaimResult::claimed);
  reader = std::nullopt;
  CHECK(Reader<std::uint64_t>::join(ring.memory(), 2, {}, parks)->position() == 15);
}

TEST_CASE("ring: a producer that waits for a reader goes on when the reader leaves") { // fault 38
  for (int round = 0; round < 200 / static_cast<int>(scale_down); ++round) {
    TestRing<std::uint64_t> ring(1);
    auto reader = Reader<std::uint64_t>::join(ring.memory(), 0, {}, parks);
    Producer<std::uint64_t> producer(ring.memory(), parks);
    REQUIRE(producer.try_push(1) == ClaimResult::claimed);
    std::thread leaving([&] { reader->leave(); });
    std::uint64_t first = 0;
    CHECK(producer.claim(1, first, never) == ClaimResult::claimed);
    leaving.join();
  }
}

TEST_CASE("ring: a producer that waits for a dead reader goes on after the obituary") {
  TestRing<std::uint64_t> ring(1);
  memory::Obituary obituary;
  REQUIRE(ReaderSequencer<>::join(ring.memory().lines(), 0)); // and is never heard of again
  Producer<std::uint64_t> producer(ring.memory(), {.waiting = Waiting::park, .obituary = &obituary, .shared = false});
  REQUIRE(producer.try_push(1) == ClaimResult::claimed);
  std::thread watcher([&] {
    vacate(ring.reader(0));
    obituary.announce();
  });
  std::uint64_t first = 0;
  CHECK(producer.claim(1, first, never) == ClaimResult::claimed);
  CHECK(first == 1);
  watcher.join();
}

TEST_CASE("ring: readers that come and go while the producer runs see no torn and no missing element") {
  constexpr std::uint64_t chunk = 10'000;
  TestRing<Element> ring(8);
  std::atomic<bool> done = false;
  std::atomic<std::uint64_t> wrong = 0;
  std::atomic<std::uint64_t> joined = 0;
  std::vector<std::thread> threads;
  for (std::size_t line = 0; line < 2; ++line) {
    threads.emplace_back([&, line] {
      while (!done) {
        auto reader = Reader<Element>::join(ring.memory(), line, {}, parks);
        auto expected = reader->position();
        for (int i = 0; i < 20 && reader->wait(1, monotonic_now() + 1'000'000) == BarrierResult::reached; ++i) {
          const auto& element = reader->slot(expected);
          wrong += element.number != expected || element.twice != 2 * expected;
          ++expected;
          wrong += reader->release(1) != ReadResult::ok;
        }
        reader->leave();
        ++joined;
      }
    });
  }
  Producer<Element> producer(ring.memory(), parks);
  std::uint64_t written = 0;
  while (written < 2 * chunk || joined < 20) {
    write_all(producer, written + chunk, 3, written);
    written += chunk;
  }
  done = true;
  for (auto& thread : threads) {
    thread.join();
  }
  CHECK(wrong == 0);
}
