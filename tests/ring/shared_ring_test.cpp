// T2, T13: many producers, threads.

#include "shared_fixture.hpp"

#include <algorithm>
#include <atomic>
#include <thread>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::ring;
using namespace ringfleet::ring::test;

namespace {

struct Element {
  std::uint64_t producer;
  std::uint64_t number;
  std::uint64_t check;
};

Element element(std::uint64_t producer, std::uint64_t number) {
  return {producer, number, producer * 1'000'003 + number};
}

// Each claim of 1 … `batch` elements; every seventh claim is aborted.
void produce(SharedProducer<Element> producer, std::uint64_t id, std::uint64_t total, std::uint64_t batch) {
  for (std::uint64_t number = 0, claims = 0; number < total; ++claims) {
    const auto count = std::min(1 + (number + id) % batch, total - number);
    std::uint64_t first = 0;
    while (producer.claim(count, first, never) != ClaimResult::claimed) {
    }
    const bool is_aborted = claims % 7 == 6;
    for (std::uint64_t i = 0; i < count; ++i) {
      producer.slot(first + i) = is_aborted ? element(99, 0) : element(id, number + i);
    }
    if (is_aborted) {
      producer.abort(first, count);
    } else {
      producer.publish(first, count);
      number += count;
    }
  }
}

struct Read {
  std::uint64_t wrong = 0;
  std::uint64_t order = 0; // a hash over the whole order
};

Read read_all(SharedReader<Element> reader, unsigned producers, std::uint64_t total) {
  Read read;
  std::vector<std::uint64_t> expected(producers, 0);
  for (std::uint64_t count = 0; count < producers * total;) {
    read.wrong += reader.wait(1, never) != BarrierResult::reached;
    const auto polled = reader.poll([&](const Element& seen) {
      const bool is_right = seen.producer < producers && seen.number == expected[seen.producer] &&
                            seen.check == element(seen.producer, seen.number).check;
      read.wrong += !is_right;
      expected[seen.producer % producers] = seen.number + 1;
      read.order = read.order * 31 + seen.producer;
    });
    count += polled.count;
  }
  read.wrong += reader.available() != 0;
  return read;
}

void check_completeness(unsigned producers, unsigned readers, std::uint64_t batch, std::size_t capacity,
                        const BarrierOptions& options, std::uint64_t total, std::uint64_t first_position = 0) {
  CAPTURE(producers);
  CAPTURE(readers);
  CAPTURE(batch);
  CAPTURE(capacity);
  CAPTURE(first_position);
  SharedTestRing<Element> ring(capacity, first_position);
  std::vector<Read> results(readers);
  std::vector<std::thread> threads;
  for (unsigned line = 0; line < readers; ++line) {
    threads.emplace_back([&, line, reader = ring.reader(line, {}, options)]() mutable {
      results[line] = read_all(std::move(reader), producers, total);
    });
  }
  for (unsigned id = 0; id < producers; ++id) {
    threads.emplace_back(
        [&, id, producer = ring.producer(options)]() mutable { produce(std::move(producer), id, total, batch); });
  }
  for (auto& thread : threads) {
    thread.join();
  }
  for (const auto& result : results) {
    CHECK(result.wrong == 0);
    CHECK(result.order == results[0].order);
  }
}

} // namespace

TEST_CASE("shared_ring: every element arrives once, in the order of its producer (3p1c)") {
  for (const auto& options : {parks, spins}) {
    check_completeness(3, 1, 1, 64, options, 20'000 / scale_down);
    check_completeness(3, 1, 5, 64, options, 20'000 / scale_down);
  }
  check_completeness(2, 1, 1, 1, parks, 5'000 / scale_down);
}

TEST_CASE("shared_ring: all readers see the same total order (3p2c)") {
  check_completeness(3, 2, 3, 64, parks, 20'000 / scale_down);
  check_completeness(3, 2, 16, 16, parks, 4'000 / scale_down);
}

TEST_CASE("shared_ring: positions near 2^31, 2^32, 2^42 and 2^63 are ordinary (fault 39)") {
  for (const std::uint64_t first : {(1ULL << 31) - 9, (1ULL << 32) - 9, (1ULL << 42) - 9, (1ULL << 63) - 9}) {
    check_completeness(2, 1, 3, 4, parks, 1'000, first);
  }
}

TEST_CASE("shared_ring: a full ring refuses, and a claim is released as a whole") { // fault 38
  SharedTestRing<std::uint64_t> ring(4);
  auto reader = ring.reader(0);
  auto producer = ring.producer();
  std::uint64_t first = 0;
  REQUIRE(producer.try_claim(3, first) == ClaimResult::claimed);
  producer.publish(first, 3);
  CHECK(producer.try_push(3) == ClaimResult::claimed);
  CHECK(producer.try_push(4) == ClaimResult::full);
  CHECK(producer.claim(1, first, monotonic_now()) == ClaimResult::full);
  CHECK(reader.available() == 4);
  CHECK(reader.release(2) == ReadResult::ok);
  CHECK(producer.try_push(4) == ClaimResult::full);
  CHECK(reader.release(1) == ReadResult::ok);
  CHECK(producer.try_claim(3, first) == ClaimResult::claimed);
  producer.abort(first, 3);
  CHECK(producer.try_push(5) == ClaimResult::full);
  CHECK(reader.release(1) == ReadResult::ok);
  CHECK(reader.available() == 0); // what was aborted is skipped, and given back
  CHECK(reader.position() == 7);
  CHECK(producer.try_claim(4, first) == ClaimResult::claimed);
  producer.publish(first, 4);
}

TEST_CASE("shared_ring: claims are seen in order, however they are finished") {
  SharedTestRing<std::uint64_t> ring(8);
  auto reader = ring.reader(0);
  auto a = ring.producer();
  auto b = ring.producer();
  std::uint64_t of_a = 0;
  std::uint64_t of_b = 0;
  REQUIRE(a.try_claim(2, of_a) == ClaimResult::claimed);
  REQUIRE(b.try_claim(1, of_b) == ClaimResult::claimed);
  b.slot(of_b) = 3;
  b.publish(of_b, 1);
  CHECK(reader.available() == 0);
  CHECK(reader.wait(1, monotonic_now()) == BarrierResult::timed_out);
  a.slot(of_a) = 1;
  a.slot(of_a + 1) = 2;
  a.publish(of_a, 2);
  CHECK(reader.available() == 3);
  std::uint64_t sum = 0;
  CHECK(reader.poll([&](std::uint64_t value) { sum = 10 * sum + value; }).count == 3);
  CHECK(sum == 123);
}

TEST_CASE("shared_ring: a contiguous claim never wraps; what is left at the end is skipped") {
  SharedTestRing<std::uint64_t> ring(8);
  auto reader = ring.reader(0);
  auto producer = ring.producer();
  std::uint64_t first = 0;
  for (int i = 0; i < 3; ++i) {
    REQUIRE(producer.try_claim_contiguous(3, first) == ClaimResult::claimed);
    CHECK(producer.span(first, 3).size() == 3);
    producer.publish(first, 3);
    CHECK(reader.available() == 3);
    CHECK(reader.position() == first);
    CHECK(reader.release(3) == ReadResult::ok);
  }
  CHECK(first == 8);
}

TEST_CASE("shared_ring: a reader that waits for what a contiguous claim leaves out is woken") {
  SharedTestRing<std::uint64_t> ring(8);
  auto reader = ring.reader(0);
  auto producer = ring.producer();
  std::uint64_t first = 0;
  REQUIRE(producer.try_claim(6, first) == ClaimResult::claimed);
  producer.publish(first, 6);
  CHECK(reader.available() == 6);
  CHECK(reader.release(6) == ReadResult::ok);
  announce_wait<>(ring.memory().readers[0].awaited_cursor, 7);
  REQUIRE(producer.try_claim_contiguous(3, first) == ClaimResult::claimed);
  CHECK(first == 8);
  CHECK(producer.wakes() == 1);
  producer.publish(first, 3);
}

TEST_CASE("shared_ring: without readers an unfinished claim is not overrun, and what is finished is") {
  SharedTestRing<std::uint64_t> ring(4);
  auto slow = ring.producer();
  auto quick = ring.producer();
  std::uint64_t first = 0;
  for (std::uint64_t i = 0; i < 10; ++i) {
    CHECK(quick.try_push(i) == ClaimResult::claimed);
  }
  REQUIRE(slow.try_claim(1, first) == ClaimResult::claimed);
  for (std::uint64_t i = 0; i < 3; ++i) {
    CHECK(quick.try_push(i) == ClaimResult::claimed);
  }
  CHECK(quick.try_push(3) == ClaimResult::full);
  std::thread finishing([&] { slow.abort(first, 1); });
  CHECK(quick.claim(1, first, never) == ClaimResult::claimed);
  finishing.join();
  quick.publish(first, 1);
}

TEST_CASE("shared_ring: a newcomer at latest misses nothing that is committed from then on") {
  SharedTestRing<std::uint64_t> ring(8);
  auto a = ring.producer();
  auto b = ring.producer();
  std::uint64_t first = 0;
  CHECK(b.try_push(1) == ClaimResult::claimed);
  REQUIRE(a.try_claim(1, first) == ClaimResult::claimed);
  CHECK(b.try_push(3) == ClaimResult::claimed);
  auto reader = ring.reader(0);
  a.slot(first) = 2;
  a.publish(first, 1);
  std::uint64_t seen = 0;
  CHECK(reader.poll([&](std::uint64_t value) { seen = 10 * seen + value; }).count == 2);
  CHECK(seen == 23);
}

TEST_CASE("shared_ring: a reader joins at oldest, or at the claim that holds a position") {
  SharedTestRing<std::uint64_t> ring(16);
  auto producer = ring.producer();
  for (std::uint64_t i = 0; i < 20; ++i) {
    std::uint64_t first = 0;
    REQUIRE(producer.try_claim(3, first) == ClaimResult::claimed);
    for (std::uint64_t k = 0; k < 3; ++k) {
      producer.slot(first + k) = first + k;
    }
    producer.publish(first, 3);
  }
  auto check_from = [&](SharedReader<std::uint64_t> reader, std::uint64_t begin) {
    CHECK(reader.position() == begin);
    CHECK(reader.available() == 60 - begin);
    for (std::uint64_t position = begin; position < 60; ++position) {
      CHECK(reader.slot(position) == position);
    }
  };
  auto oldest = ring.reader(0, {.from = JoinFrom::oldest});
  const auto begin = oldest.position();
  CHECK(begin % 3 == 0);
  CHECK(begin <= 60 - 9);
  check_from(std::move(oldest), begin);
  check_from(ring.reader(0, {.from = JoinFrom::sequence, .position = 57}), 57);
  check_from(ring.reader(0, {.from = JoinFrom::sequence, .position = 56}), 54);
  check_from(ring.reader(0, {.from = JoinFrom::sequence, .position = 60}), 60);
  auto late = ring.reader(0, {.from = JoinFrom::sequence, .position = 5});
  CHECK(late.missed() == begin - 5);
  check_from(std::move(late), begin);
  CHECK_FALSE(SharedReader<std::uint64_t>::join(ring.memory(), 0, {.from = JoinFrom::sequence, .position = 61}));
}

TEST_CASE("shared_ring: an evicted reader holds nothing back, and its release says so") {
  SharedTestRing<std::uint64_t> ring(4);
  auto reader = ring.reader(1);
  auto producer = ring.producer();
  for (std::uint64_t i = 0; i < 4; ++i) {
    CHECK(producer.try_push(i) == ClaimResult::claimed);
  }
  CHECK(producer.try_push(4) == ClaimResult::full);
  CHECK(reader.available() == 4);
  CHECK_FALSE(producer.evict(1, reader.incarnation() + 1));
  CHECK(producer.evict(1, reader.incarnation()));
  CHECK(producer.try_push(4) == ClaimResult::claimed);
  CHECK(reader.release(1) == ReadResult::evicted);
  CHECK(reader.wait(1, never) == BarrierResult::evicted);
  reader.leave();
  CHECK(ring.reader(1).position() == 5);
}

TEST_CASE("shared_ring: close ends the wait of a reader that has read everything") {
  SharedTestRing<std::uint64_t> ring(4);
  auto reader = ring.reader(0);
  auto producer = ring.producer();
  CHECK(producer.try_push(7) == ClaimResult::claimed);
  std::thread closing([&] { producer.close(); });
  CHECK(reader.wait(1, never) == BarrierResult::reached);
  CHECK(reader.release(1) == ReadResult::ok);
  CHECK(reader.wait(1, never) == BarrierResult::detached);
  closing.join();
  CHECK(reader.poll([](std::uint64_t) {}).result == ReadResult::detached);
}

// T14
TEST_CASE("shared_ring: stop() from another thread ends the wait of each handle, until resume()") {
  SharedTestRing<std::uint64_t> ring(1);
  auto producer = ring.producer();
  auto reader = ring.reader(0);
  auto lossy = ring.lossy(1);
  const auto soon = deadline_after(monotonic_now(), std::chrono::seconds(20));
  std::thread one([&] {
    reader.stop();
    lossy.stop();
  });
  CHECK(reader.wait(1, soon) == BarrierResult::stopped);
  CHECK(lossy.wait(soon) == BarrierResult::stopped);
  one.join();
  reader.resume();
  lossy.resume();
  CHECK(producer.try_push(7) == ClaimResult::claimed);
  CHECK(reader.wait(1, soon) == BarrierResult::reached);
  CHECK(lossy.wait(soon) == BarrierResult::reached);
  std::uint64_t first = 0;
  std::thread two([&] { producer.stop(); });
  CHECK(producer.claim(1, first, soon) == ClaimResult::stopped);
  two.join();
  producer.resume();
  CHECK(reader.poll([](std::uint64_t) {}).count == 1);
  CHECK(producer.claim(1, first, soon) == ClaimResult::claimed);
}

TEST_CASE("shared_ring: a reader that is assigned over leaves") {
  SharedTestRing<std::uint64_t> ring(1);
  auto producer = ring.producer();
  auto reader = ring.reader(0);
  CHECK(producer.try_push(1) == ClaimResult::claimed);
  reader = ring.reader(1, {.from = JoinFrom::oldest});
  CHECK(reader.poll([](std::uint64_t) {}).count == 1);
  CHECK(producer.try_push(2) == ClaimResult::claimed); // the one before holds nothing back
}
