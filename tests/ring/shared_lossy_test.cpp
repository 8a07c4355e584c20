// T9: lossy readers of a ring with many producers.

#include "ringfleet/ring/event_reader.hpp"
#include "ringfleet/ring/fan_in.hpp"
#include "shared_fixture.hpp"

#include <array>
#include <atomic>
#include <thread>

#include <poll.h>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::ring;
using namespace ringfleet::ring::test;

namespace {

using Numbers = SharedLossyReader<std::uint64_t>;
using Ring = SharedTestRing<std::uint64_t>;
using NumberProducer = SharedProducer<std::uint64_t>;

// Each element is its own position.
void push(NumberProducer& producer, std::uint64_t claims, std::uint64_t length = 1) {
  for (; claims != 0; --claims) {
    std::uint64_t first = 0;
    REQUIRE(producer.try_claim(length, first) == ClaimResult::claimed);
    for (std::uint64_t i = 0; i < length; ++i) {
      producer.slot(first + i) = first + i;
    }
    producer.publish(first, length);
  }
}
void skip(NumberProducer& producer, std::uint64_t length) {
  std::uint64_t first = 0;
  REQUIRE(producer.try_claim(length, first) == ClaimResult::claimed);
  for (std::uint64_t i = 0; i < length; ++i) {
    producer.slot(first + i) = 999;
  }
  producer.abort(first, length);
}

} // namespace

TEST_CASE(
    "shared_lossy: a reader that keeps up gets everything, one that is lapped is told how much it lost") { // fault 38
  Ring ring(16);
  auto a = ring.producer();
  auto b = ring.producer();
  auto reader = ring.lossy(0);
  std::uint64_t got = 0;
  CHECK(reader.read(got) == ReadResult::empty);
  push(a, 1);
  push(b, 2);
  for (std::uint64_t i = 0; i < 3; ++i) {
    CHECK(reader.read(got) == ReadResult::ok);
    CHECK(got == i);
  }
  for (int i = 0; i < 50; ++i) { // nobody holds them back
    push(a, 1);
    push(b, 1);
  }
  std::array<std::uint64_t, 32> copies{};
  const auto lapped = reader.read(copies);
  CHECK(lapped.result == ReadResult::lapped);
  CHECK(reader.position() == 3 + lapped.count);
  CHECK(reader.lost() == lapped.count);
  const auto copied = reader.read(copies);
  CHECK(copied.result == ReadResult::ok);
  CHECK(copied.count >= 14); // seven eighths of the ring
  CHECK(3 + lapped.count + copied.count == 103);
  CHECK(copies[0] == 3 + lapped.count);
  CHECK(copies[copied.count - 1] == 102);
}

TEST_CASE("shared_lossy: a reader goes on at the latest claim when it is told to, and begins where it is asked to") {
  Ring ring(16);
  auto producer = ring.producer();
  auto reader = Numbers::watch(ring.memory(), {.resume = Resume::latest});
  push(producer, 50, 2);
  std::uint64_t got = 0;
  CHECK(reader->read(got) == ReadResult::lapped);
  CHECK(reader->position() == 100);
  CHECK(reader->lost() == 100);
  CHECK(reader->laps() == 1);
  push(producer, 1, 2);
  CHECK(reader->read(got) == ReadResult::ok);
  CHECK(got == 100);
  auto oldest = Numbers::watch(ring.memory(), {.from = JoinFrom::oldest});
  CHECK(oldest->position() <= 102 - 14);
  CHECK(oldest->position() % 2 == 0);
  CHECK(oldest->read(got) == ReadResult::ok);
  CHECK(got == oldest->position() - 1);
  auto within = Numbers::watch(ring.memory(), {.from = JoinFrom::sequence, .position = 99}); // in the middle of a claim
  CHECK(within->read(got) == ReadResult::ok);
  CHECK(got == 99);
  CHECK(within->read(got) == ReadResult::ok);
  CHECK(got == 100);
  auto resumed = Numbers::watch(ring.memory(), {.from = JoinFrom::sequence, .position = 7});
  CHECK(resumed->read(got) == ReadResult::lapped);
  CHECK(resumed->position() == 7 + resumed->lost());
  CHECK(Numbers::watch(ring.memory(), {.from = JoinFrom::sequence, .position = 102}));
  CHECK_FALSE(Numbers::watch(ring.memory(), {.from = JoinFrom::sequence, .position = 103}));
}

TEST_CASE(
    "shared_lossy: who comes back into a claim whose beginning is overwritten has lost it, and reads what follows") {
  Ring ring(8);
  auto producer = ring.producer();
  push(producer, 1, 2);
  push(producer, 7);
  REQUIRE(ring.lines().shared->limit == 9); // the descriptor of the first claim is gone, its second element is not
  auto reader = Numbers::join(ring.memory(), 0, {.from = JoinFrom::sequence, .position = 1}, parks);
  CHECK(reader->wait(never) == BarrierResult::reached);
  std::array<std::uint64_t, 8> copies{};
  const auto lapped = reader->read(copies);
  CHECK(lapped.result == ReadResult::lapped);
  CHECK(lapped.count == 1);
  CHECK(reader->lost() == 1);
  const auto copied = reader->read(copies);
  CHECK(copied.result == ReadResult::ok);
  CHECK(copied.count == 7);
  CHECK(copies[0] == 2);
}

TEST_CASE("shared_lossy: aborted claims are never read, and end a copy") {
  Ring ring(16);
  auto producer = ring.producer();
  auto reader = ring.lossy(0);
  skip(producer, 3);
  push(producer, 2);
  skip(producer, 1);
  push(producer, 1, 2);
  skip(producer, 2);
  std::array<std::uint64_t, 16> copies{};
  CHECK(reader.read(copies).count == 2);
  CHECK(copies[0] == 3);
  CHECK(copies[1] == 4);
  CHECK(reader.position() == 5);
  CHECK(reader.read(copies).count == 2);
  CHECK(copies[0] == 6);
  CHECK(copies[1] == 7);
  CHECK(reader.read(copies).result == ReadResult::empty);
  CHECK(reader.position() == 10);
  CHECK(reader.lost() == 0);
}

TEST_CASE("shared_lossy: a claim that its producer never finishes stops the reader until it is repaired") {
  Ring ring(8);
  auto survivor = ring.producer();
  const std::uint64_t dead = 77;
  auto victim = NumberProducer::join(ring.memory(), dead, nobody_is_dead, parks);
  REQUIRE(victim);
  auto reader = ring.lossy(0);
  push(*victim, 1);
  std::uint64_t first = 0;
  REQUIRE(victim->try_claim(2, first) == ClaimResult::claimed);
  push(survivor, 1);
  std::array<std::uint64_t, 8> copies{};
  CHECK(reader.read(copies).count == 1);
  CHECK(reader.read(copies).result == ReadResult::empty);
  CHECK(reader.wait(monotonic_now() + 1'000'000) == BarrierResult::timed_out);
  std::thread repairing([&] { CHECK(survivor.repair([](std::uint64_t identity) { return identity == dead; }) == 1); });
  CHECK(reader.wait(patience()) == BarrierResult::reached);
  repairing.join();
  CHECK(reader.read(copies).count == 1);
  CHECK(copies[0] == 3);
}

TEST_CASE("shared_lossy: a reader that was lapped goes on behind a claim that began before what is left") {
  Ring ring(8);
  auto producer = ring.producer();
  auto reader = ring.lossy(0);
  push(producer, 3, 5); // the second lies across the border of what is left
  std::array<std::uint64_t, 8> copies{};
  const auto lapped = reader.read(copies);
  CHECK(lapped.result == ReadResult::lapped);
  CHECK(lapped.count == 10);
  CHECK(reader.read(copies).count == 5);
  CHECK(copies[0] == 10);
  CHECK(copies[4] == 14);
}

TEST_CASE("shared_lossy: a stopped reader holds nobody back, and a waiting one is woken, past what is aborted") {
  Ring ring(8);
  auto producer = ring.producer();
  auto reader = ring.lossy(1);
  std::uint64_t got = 0;
  std::thread waiting([&] {
    CHECK(reader.wait(patience()) == BarrierResult::reached);
    CHECK(reader.read(got) == ReadResult::ok);
    CHECK(got == 1);
  });
  skip(producer, 1);
  push(producer, 1);
  waiting.join();
  push(producer, 1'000);
  CHECK(reader.wait(patience()) == BarrierResult::reached);
  CHECK(reader.read(got) == ReadResult::lapped);
  CHECK_FALSE(Numbers::join(ring.memory(), 1, {}, parks)); // the line is taken
  reader.leave();
  CHECK(Numbers::join(ring.memory(), 1, {}, parks));
}

TEST_CASE("shared_lossy: no wake is lost, whatever is aborted") {
  const std::uint64_t total = 4'000 / scale_down;
  Ring ring(64);
  auto producer = ring.producer();
  auto reader = ring.lossy(0);
  std::atomic<std::uint64_t> read = 0;
  std::thread writing([&] {
    for (std::uint64_t number = 0; number < total; ++number) {
      while (read.load() < number) { // so that the reader waits for each
        yield_core();
      }
      if (number % 3 == 0) {
        skip(producer, 1 + number % 2);
      }
      push(producer, 1, 1 + number % 2);
    }
    producer.close();
  });
  std::uint64_t got = 0;
  for (;;) {
    const auto waited = reader.wait(patience());
    if (waited != BarrierResult::reached) {
      CHECK(waited == BarrierResult::detached);
      break;
    }
    while (reader.read(got) == ReadResult::ok) {
      CHECK(got == reader.position() - 1);
    }
    ++read;
  }
  writing.join();
  CHECK(read >= total);
  CHECK(reader.lost() == 0);
  CHECK(reader.read(got) == ReadResult::detached);
}

TEST_CASE("shared_lossy: what was published before the end is read first, and a lap is told before it") {
  Ring ring(8);
  auto producer = ring.producer();
  auto reader = ring.lossy(0);
  push(producer, 20);
  skip(producer, 1);
  producer.close();
  std::array<std::uint64_t, 8> copies{};
  CHECK(reader.wait(patience()) == BarrierResult::reached);
  CHECK(reader.read(copies).result == ReadResult::lapped);
  CHECK(reader.wait(patience()) == BarrierResult::reached);
  CHECK(reader.read(copies).count > 0);
  CHECK(reader.wait(patience()) == BarrierResult::detached);
  CHECK(reader.read(copies).result == ReadResult::detached);
  CHECK(reader.position() == 21);
}

TEST_CASE("shared_lossy: beside a reliable reader, which is held back by nobody") {
  Ring ring(8);
  auto producer = ring.producer();
  auto reliable = ring.reader(0);
  auto lossy = ring.lossy(1);
  std::array<std::uint64_t, 8> copies{};
  std::uint64_t first = 0;
  push(producer, 8);
  CHECK(producer.try_claim(1, first) == ClaimResult::full); // the reliable one holds them
  CHECK(lossy.read(copies).count == 8);
  CHECK(reliable.poll([](std::uint64_t) {}).count == 8);
  push(producer, 8);
  CHECK(reliable.poll([](std::uint64_t) {}).count == 8);
  push(producer, 8);
  CHECK(lossy.read(copies).result == ReadResult::lapped);
}

TEST_CASE("shared_lossy: in one wait with others, and in an event loop") {
  Ring ring(8);
  TestRing<std::uint64_t> single(8);
  auto producer = ring.producer();
  auto lossy = ring.lossy(0);
  auto of_single = Reader<std::uint64_t>::join(single.memory(), 0, {}, parks);
  FanIn fan_in;
  fan_in.add(lossy);
  fan_in.add(*of_single);
  for (int i = 0; i < 100; ++i) {
    std::thread pushing([&] {
      skip(producer, 1);
      push(producer, 1);
    });
    for (std::uint64_t read = 0; read == 0;) {
      const auto ready = fan_in.wait(patience());
      REQUIRE(ready.result == BarrierResult::reached);
      REQUIRE(ready.index == 0);
      read += lossy.poll([](std::uint64_t) {}).count;
    }
    pushing.join();
  }
  EventReader events(lossy);
  for (int i = 0; i < 100; ++i) {
    skip(producer, 1);
    push(producer, 1);
    for (std::uint64_t read = 0; read == 0;) {
      pollfd entry{.fd = events.fd(), .events = POLLIN, .revents = 0};
      REQUIRE(::poll(&entry, 1, 60'000) == 1);
      read += events.poll([](std::uint64_t) {}).count;
    }
  }
  CHECK(lossy.lost() == 0);
}
