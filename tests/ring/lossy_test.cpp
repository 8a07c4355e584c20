#include "ring_fixture.hpp"

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::ring;
using namespace ringfleet::ring::test;

namespace {

using Numbers = LossyReader<std::uint64_t>;

void push(Producer<std::uint64_t>& producer, std::uint64_t begin, std::uint64_t end) {
  for (auto number = begin; number < end; ++number) {
    REQUIRE(producer.try_push(number) == ClaimResult::claimed);
  }
}

} // namespace

// T9
TEST_CASE("lossy: a reader that keeps up gets everything, one that is lapped is told how much it lost") {
  TestRing<std::uint64_t> ring(16);
  Producer<std::uint64_t> producer(ring.memory(), parks);
  auto reader = Numbers::join(ring.memory(), 0, {}, parks);
  REQUIRE(reader);
  std::uint64_t got = 0;
  CHECK(reader->read(got) == ReadResult::empty);
  push(producer, 0, 3);
  for (std::uint64_t i = 0; i < 3; ++i) {
    CHECK(reader->read(got) == ReadResult::ok);
    CHECK(got == i);
  }
  push(producer, 3, 103); // nobody holds it back
  std::array<std::uint64_t, 32> copies{};
  const auto lapped = reader->read(copies);
  CHECK(lapped.result == ReadResult::lapped);
  CHECK(reader->position() == 3 + lapped.count);
  CHECK(reader->lost() == lapped.count);
  const auto copied = reader->read(copies);
  CHECK(copied.result == ReadResult::ok);
  CHECK(copied.count >= 14); // seven eighths of the ring
  CHECK(3 + lapped.count + copied.count == 103);
  CHECK(copies[0] == 3 + lapped.count);
  CHECK(copies[copied.count - 1] == 102);
}

// T9
TEST_CASE("lossy: a reader goes on at the latest element when it is told to, and may begin at the oldest") {
  TestRing<std::uint64_t> ring(16);
  Producer<std::uint64_t> producer(ring.memory(), parks);
  auto reader = Numbers::watch(ring.memory(), {.resume = Resume::latest});
  push(producer, 0, 100);
  std::uint64_t got = 0;
  CHECK(reader->read(got) == ReadResult::lapped);
  CHECK(reader->position() == 100);
  CHECK(reader->lost() == 100);
  CHECK(reader->laps() == 1);
  push(producer, 100, 101);
  CHECK(reader->read(got) == ReadResult::ok);
  CHECK(got == 100);
  auto late = Numbers::watch(ring.memory(), {.from = JoinFrom::oldest});
  CHECK(late->position() <= 101 - 14);
  CHECK(late->read(got) == ReadResult::ok);
  CHECK(got == late->position() - 1);
  auto resumed = Numbers::watch(ring.memory(), {.from = JoinFrom::sequence, .position = 7});
  CHECK(resumed->read(got) == ReadResult::lapped);
  CHECK(resumed->position() == 7 + resumed->lost());
  CHECK_FALSE(Numbers::watch(ring.memory(), {.from = JoinFrom::sequence, .position = 102}));
}
