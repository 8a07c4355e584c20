// Readers that come, leave, are evicted or die.

#include "../os/forked_child.hpp"
#include "ring_fixture.hpp"

#include <csignal>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::ring;
using namespace ringfleet::ring::test;

namespace {

using Numbers = Reader<std::uint64_t>;

void push(Producer<std::uint64_t>& producer, std::uint64_t begin, std::uint64_t end) {
  for (auto number = begin; number < end; ++number) {
    REQUIRE(producer.try_push(number) == ClaimResult::claimed);
  }
}

} // namespace

// T8
TEST_CASE("ring: a reader joins at the oldest element, which is at most seven eighths of the ring back") {
  TestRing<std::uint64_t> ring(16);
  {
    auto early = Numbers::join(ring.memory(), 0, {.from = JoinFrom::oldest}, parks);
    CHECK(early->position() == 0); // nothing before the first
  }
  Producer<std::uint64_t> producer(ring.memory(), parks);
  push(producer, 0, 5);
  CHECK(Numbers::join(ring.memory(), 0, {.from = JoinFrom::oldest}, parks)->position() == 0);
  push(producer, 5, 1'000);
  auto reader = Numbers::join(ring.memory(), 0, {.from = JoinFrom::oldest}, parks);
  CHECK(reader->position() >= 1'000 - 16);
  CHECK(reader->position() <= 1'000 - 14);
  CHECK(reader->slot(reader->position()) == reader->position());
  CHECK(reader->available() == 1'000 - reader->position());
  std::uint64_t more = 0;
  while (producer.try_push(1'000 + more) == ClaimResult::claimed) {
    ++more;
  }
  CHECK(more == 16 - reader->available()); // and is not overwritten
}

// T8
TEST_CASE("ring: a reader resumes at a sequence, is told what it missed, and does not begin in the future") {
  TestRing<std::uint64_t> ring(16);
  Producer<std::uint64_t> producer(ring.memory(), parks);
  push(producer, 0, 100);
  auto resume_at = [&](std::uint64_t position) {
    return Numbers::join(ring.memory(), 2, {.from = JoinFrom::sequence, .position = position}, parks);
  };
  auto reader = resume_at(95);
  CHECK(reader->position() == 95);
  CHECK(reader->missed() == 0);
  CHECK(reader->slot(95) == 95);
  reader->leave();
  reader = resume_at(10);
  CHECK(reader->missed() == reader->position() - 10);
  CHECK(reader->position() > 80);
  reader->leave();
  reader = resume_at(100);
  CHECK(reader->available() == 0);
  reader->leave();
  CHECK_FALSE(resume_at(101));
}

// T8, trap 5
TEST_CASE("ring: readers that join at oldest while the producer overwrites never see an overwritten element") {
  TestRing<Element> ring(8);
  std::atomic<bool> done = false;
  std::atomic<std::uint64_t> wrong = 0;
  std::atomic<std::uint64_t> joined = 0;
  std::vector<std::thread> threads;
  for (std::size_t line = 0; line < 2; ++line) {
    threads.emplace_back([&, line] {
      while (!done) {
        auto reader = Reader<Element>::join(ring.memory(), line, {.from = JoinFrom::oldest}, parks);
        auto expected = reader->position();
        const auto polled = reader->poll([&](const Element& element) {
          wrong += element.number != expected || element.twice != 2 * expected;
          ++expected;
        });
        wrong += polled.result != ReadResult::ok && polled.result != ReadResult::empty;
        ++joined;
      }
    });
  }
  Producer<Element> producer(ring.memory(), parks);
  std::uint64_t written = 0;
  for (const auto deadline = patience();
       (written < 400'000 / scale_down || joined < 2'000 / scale_down) && monotonic_now() < deadline; written += 100) {
    write_all(producer, written + 100, 1, written);
  }
  done = true;
  for (auto& thread : threads) {
    thread.join();
  }
  CHECK(wrong == 0);
  MESSAGE(joined.load(), " joins, ", written, " elements");
}

TEST_CASE("ring: an evicted reader holds nobody back, is told at its release, and joins again") {
  TestRing<std::uint64_t> ring(4);
  auto slow = Numbers::join(ring.memory(), 0, {}, parks);
  auto quick = Numbers::join(ring.memory(), 1, {}, parks);
  Producer<std::uint64_t> producer(ring.memory(), parks);
  push(producer, 0, 4);
  CHECK(quick->poll([](std::uint64_t) {}).count == 4);
  CHECK(producer.try_push(4) == ClaimResult::full);
  CHECK_FALSE(producer.evict(0, slow->incarnation() + 1)); // somebody else than it was decided about
  CHECK_FALSE(producer.evict(3, 0));                       // nobody has ever been there
  CHECK(slow->available() == 4);
  CHECK(producer.evict(0, slow->incarnation()));
  push(producer, 4, 8);
  CHECK(slow->release(1) == ReadResult::evicted);
  CHECK(slow->poll([](std::uint64_t) {}).result == ReadResult::evicted);
  CHECK(slow->wait(5, patience()) == BarrierResult::evicted);
  CHECK(quick->poll([](std::uint64_t) {}).result == ReadResult::ok);
  slow->leave();
  slow = Numbers::join(ring.memory(), 0, {.from = JoinFrom::oldest}, parks);
  REQUIRE(slow);
  CHECK(slow->poll([](std::uint64_t) {}).result == ReadResult::ok);
  push(producer, 8, 12);
  CHECK(producer.try_push(12) == ClaimResult::full); // it gates again
}

TEST_CASE("ring: what an evicted reader had seen and released before is whole (evicted while it reads)") {
  for (int round = 0; round < 100 / static_cast<int>(scale_down); ++round) {
    TestRing<Element> ring(4);
    auto reader = Reader<Element>::join(ring.memory(), 0, {}, spins);
    const auto incarnation = reader->incarnation();
    std::uint64_t wrong = 0;
    std::thread reading([&, reader = std::move(*reader)]() mutable {
      for (std::uint64_t expected = 0;;) {
        // Copies, so that a race with the producer after the eviction is one of atomics.
        std::array<Element, 4> copies;
        const auto count = reader.available();
        if (count == 0) {
          yield_core(); // the producer may need this core
        }
        for (std::uint64_t i = 0; i < count; ++i) {
          copies[i] = load_words(reader.slot(reader.position() + i));
        }
        if (reader.release(count) == ReadResult::evicted) {
          return;
        }
        for (std::uint64_t i = 0; i < count; ++i, ++expected) {
          wrong += copies[i].number != expected || copies[i].twice != 2 * expected;
        }
      }
    });
    Producer<Element> producer(ring.memory(), spins);
    const auto write = [&](std::uint64_t number) {
      std::uint64_t first = 0;
      if (producer.claim(1, first, patience()) == ClaimResult::claimed) {
        store_words(producer.slot(first), Element{number, 2 * number});
        producer.publish(first + 1);
      }
    };
    for (std::uint64_t number = 0; number < 500; ++number) {
      write(number);
    }
    CHECK(producer.evict(0, incarnation));
    for (std::uint64_t number = 500; number < 1'000; ++number) {
      write(number);
    }
    reading.join();
    CHECK(wrong == 0);
  }
}

TEST_CASE("ring: a reader that waits is told when it is evicted, and when the producer closes") {
  for (int round = 0; round < 200 / static_cast<int>(scale_down); ++round) {
    TestRing<std::uint64_t> ring(4);
    auto reader = Numbers::join(ring.memory(), 0, {}, parks);
    Producer<std::uint64_t> producer(ring.memory(), parks);
    push(producer, 0, 1);
    CHECK(reader->poll([](std::uint64_t) {}).count == 1);
    std::thread other([&, incarnation = reader->incarnation()] {
      if (round % 2 == 0) {
        CHECK(producer.evict(0, incarnation));
      } else {
        CHECK(producer.try_push(1) == ClaimResult::claimed);
        producer.close();
      }
    });
    if (round % 2 == 0) {
      CHECK(reader->wait(1, patience()) == BarrierResult::evicted);
    } else {
      CHECK(reader->wait(1, patience()) == BarrierResult::reached);
      CHECK(reader->poll([](std::uint64_t) {}).count == 1); // what was published before the end comes first
      CHECK(reader->wait(1, patience()) == BarrierResult::detached);
      CHECK(reader->poll([](std::uint64_t) {}).result == ReadResult::detached);
    }
    other.join();
  }
}

// T14
TEST_CASE("ring: stop() from another thread ends the wait of a reader and of a producer, until resume()") {
  for (const auto& options : {parks, spins}) {
    TestRing<std::uint64_t> ring(1);
    auto reader = Numbers::join(ring.memory(), 0, {}, options);
    Producer<std::uint64_t> producer(ring.memory(), options);
    std::thread one([&] { reader->stop(); });
    CHECK(reader->wait(1, patience()) == BarrierResult::stopped);
    one.join();
    push(producer, 0, 1);
    CHECK(reader->wait(1, patience()) == BarrierResult::stopped);
    reader->resume();
    CHECK(reader->wait(1, patience()) == BarrierResult::reached);
    std::uint64_t first = 0;
    std::thread two([&] { producer.stop(); });
    CHECK(producer.claim(1, first, patience()) == ClaimResult::stopped);
    two.join();
    producer.resume();
    CHECK(reader->release(1) == ReadResult::ok);
    CHECK(producer.claim(1, first, patience()) == ClaimResult::claimed);
  }
}

TEST_CASE("ring: a reader that is assigned over leaves") {
  TestRing<std::uint64_t> ring(4);
  auto reader = Numbers::join(ring.memory(), 0, {}, parks);
  auto other = Numbers::join(ring.memory(), 1, {}, parks);
  *reader = std::move(*other);
  CHECK(ring.reader(0).gate.observe() == no_reader);
  CHECK(ring.reader(1).gate.observe() == 0);
  reader.reset();
  CHECK(ring.reader(1).gate.observe() == no_reader);
}
