#include "../os/forked_child.hpp"
#include "ring_fixture.hpp"
#include "ringfleet/ring/event_reader.hpp"
#include "ringfleet/ring/fan_in.hpp"
#include "shared_fixture.hpp"

#include <memory>
#include <string>

#include <doctest/doctest.h>

#include <poll.h>

using namespace ringfleet;
using namespace ringfleet::ring;
using namespace ringfleet::ring::test;

namespace {

using Ring = TestRing<Element>;
using ElementReader = Reader<Element>;

std::vector<std::unique_ptr<Ring>> make_rings(std::size_t count, std::size_t capacity) {
  std::vector<std::unique_ptr<Ring>> rings;
  for (std::size_t i = 0; i < count; ++i) {
    rings.push_back(std::make_unique<Ring>(capacity));
  }
  return rings;
}

bool is_readable(int fd, int timeout_ms) {
  pollfd entry{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&entry, 1, timeout_ms) == 1;
}

constexpr int patience_ms = 60'000;

} // namespace

// T2
TEST_CASE("fan_in: one wait over several rings, every element of each in order (3p1c over 3 rings)") {
  const std::uint64_t total = 6'000 / scale_down;
  auto rings = make_rings(3, 64);
  std::vector<ElementReader> readers;
  for (auto& ring : rings) {
    readers.push_back(std::move(*ElementReader::join(ring->memory(), 0, {}, parks)));
  }
  FanIn fan_in;
  for (auto& reader : readers) {
    fan_in.add(reader);
  }
  std::vector<std::thread> threads;
  for (auto& ring : rings) {
    threads.emplace_back([&] {
      Producer<Element> producer(ring->memory(), parks);
      write_all(producer, total, 3);
    });
  }
  std::array<std::uint64_t, 3> expected{};
  std::uint64_t wrong = 0;
  std::uint64_t idle = 0;
  while (expected[0] + expected[1] + expected[2] < 3 * total) {
    const auto ready = fan_in.wait(patience());
    REQUIRE(ready.result == BarrierResult::reached);
    auto& number = expected[ready.index];
    const auto polled = readers[ready.index].poll([&](const Element& element) {
      wrong += element.number != number || element.twice != 2 * number;
      ++number;
    });
    idle += polled.result == ReadResult::empty;
  }
  for (auto& thread : threads) {
    thread.join();
  }
  CHECK(wrong == 0);
  CHECK(idle == 0);
}

// T2
TEST_CASE("fan_in: a thread waits for 126 rings, and the 127th is refused by name") {
  auto rings = make_rings(127, 1);
  std::vector<ElementReader> readers;
  readers.reserve(rings.size());
  FanIn fan_in;
  for (std::size_t i = 0; i < 126; ++i) {
    readers.push_back(std::move(*ElementReader::join(rings[i]->memory(), 0, {}, parks)));
    CHECK(fan_in.add(readers.back()) == i);
  }
  readers.push_back(std::move(*ElementReader::join(rings[126]->memory(), 0, {}, parks)));
  std::string text;
  CHECK(ringfleet::test::error_of([&] { fan_in.add(readers.back()); }, &text) == ErrorCode::limit_reached);
  CHECK(text.find("127 rings") != std::string::npos);
  CHECK(text.find("can wait for 126") != std::string::npos);
  for (const std::size_t sender : {std::size_t{0}, std::size_t{125}, std::size_t{64}}) {
    std::thread sending([&] {
      Producer<Element> producer(rings[sender]->memory(), parks);
      CHECK(producer.try_push(Element{}) == ClaimResult::claimed);
    });
    const auto ready = fan_in.wait(patience());
    CHECK(ready.result == BarrierResult::reached);
    CHECK(ready.index == sender);
    CHECK(readers[sender].poll([](const Element&) {}).count == 1);
    sending.join();
  }
}

TEST_CASE("fan_in: nobody is left out, a ring that ends is named, and stop() ends the wait") {
  auto rings = make_rings(2, 8);
  auto left = ElementReader::join(rings[0]->memory(), 0, {}, parks);
  auto right = LossyReader<Element>::join(rings[1]->memory(), 0, {}, parks);
  FanIn fan_in;
  fan_in.add(*left);
  fan_in.add(*right);
  Producer<Element> to_left(rings[0]->memory(), parks);
  Producer<Element> to_right(rings[1]->memory(), parks);
  for (int i = 0; i < 4; ++i) {
    CHECK(to_left.try_push(Element{}) == ClaimResult::claimed);
    CHECK(to_right.try_push(Element{}) == ClaimResult::claimed);
  }
  std::array<int, 2> turns{};
  for (int i = 0; i < 8; ++i) {
    const auto ready = fan_in.wait(patience());
    REQUIRE(ready.result == BarrierResult::reached);
    ++turns[ready.index];
    if (ready.index == 0) {
      CHECK(left->poll([](const Element&) {}, 1).count == 1);
    } else {
      CHECK(right->poll([](const Element&) {}, 1).count == 1);
    }
  }
  CHECK(turns == std::array{4, 4});
  CHECK(fan_in.wait(monotonic_now() + 1'000'000).result == BarrierResult::timed_out);
  std::thread stopping([&] { fan_in.stop(); });
  CHECK(fan_in.wait(patience()).result == BarrierResult::stopped);
  stopping.join();
  fan_in.resume();
  std::thread closing([&] { to_right.close(); });
  const auto ended = fan_in.wait(patience());
  CHECK(ended.result == BarrierResult::reached);
  CHECK(ended.index == 1);
  CHECK(right->poll([](const Element&) {}).result == ReadResult::detached);
  closing.join();
}

// T2
TEST_CASE("fan_in: one wait over a ring with many producers and one with a single one (2p and 1p, claims aborted)") {
  const std::uint64_t total = 4'000 / scale_down;
  SharedTestRing<Element> many(8);
  Ring single(8);
  auto of_many = many.reader(0);
  auto of_single = ElementReader::join(single.memory(), 0, {}, parks);
  FanIn fan_in;
  fan_in.add(of_many);
  fan_in.add(*of_single);
  std::vector<std::thread> threads;
  std::vector<SharedProducer<Element>> producers;
  for (std::uint64_t worker = 0; worker < 2; ++worker) {
    producers.push_back(many.producer());
  }
  for (std::uint64_t worker = 0; worker < 2; ++worker) {
    threads.emplace_back([&, worker] {
      auto& producer = producers[worker];
      for (std::uint64_t number = 0; number < total; ++number) {
        std::uint64_t first = 0;
        REQUIRE(producer.claim(1, first, patience()) == ClaimResult::claimed);
        producer.abort(first, 1); // alone: a reader that does not skip it keeps the ring full
        REQUIRE(producer.claim(1, first, patience()) == ClaimResult::claimed);
        producer.slot(first) = {number, worker};
        producer.publish(first, 1);
      }
    });
  }
  threads.emplace_back([&] {
    Producer<Element> producer(single.memory(), parks);
    write_all(producer, total, 3);
  });
  std::array<std::uint64_t, 2> expected{};
  std::uint64_t expected_of_single = 0;
  std::uint64_t wrong = 0;
  while (expected[0] + expected[1] + expected_of_single < 3 * total) {
    const auto ready = fan_in.wait(patience());
    REQUIRE(ready.result == BarrierResult::reached);
    if (ready.index == 0) {
      (void)of_many.poll([&](const Element& element) { wrong += element.number != expected[element.twice]++; });
    } else {
      (void)of_single->poll([&](const Element& element) { wrong += element.number != expected_of_single++; });
    }
  }
  for (auto& thread : threads) {
    thread.join();
  }
  CHECK(wrong == 0);
  CHECK(fan_in.wait(monotonic_now() + 1'000'000).result == BarrierResult::timed_out);
}

// T14
TEST_CASE("event_reader: a ring with many producers in an event loop, claim by claim") {
  SharedTestRing<Element> ring(8);
  auto reader = ring.reader(0);
  auto producer = ring.producer();
  EventReader events(reader);
  for (std::uint64_t round = 0; round < 200; ++round) {
    while (is_readable(events.fd(), 0)) {
      CHECK(events.poll([](const Element&) {}).result == ReadResult::empty);
    }
    std::uint64_t first = 0;
    REQUIRE(producer.try_claim(1, first) == ClaimResult::claimed);
    producer.abort(first, 1);
    REQUIRE(producer.try_claim(2, first) == ClaimResult::claimed);
    producer.slot(first) = producer.slot(first + 1) = {round, 0};
    producer.publish(first, 2);
    std::uint64_t seen = 0;
    while (seen != 2) {
      REQUIRE(is_readable(events.fd(), patience_ms));
      seen += events.poll([&](const Element& element) { CHECK(element.number == round); }, std::uint64_t{1}).count;
    }
  }
  producer.close();
  REQUIRE(is_readable(events.fd(), patience_ms));
  auto result = ReadResult::empty;
  while (result == ReadResult::empty) {
    REQUIRE(is_readable(events.fd(), patience_ms));
    result = events.poll([](const Element&) {}).result;
  }
  CHECK(result == ReadResult::detached);
}

// T14
TEST_CASE("event_reader: the descriptor is readable while there is something to read, and every element comes") {
  const std::uint64_t total = 20'000 / scale_down;
  Ring ring(16);
  auto reader = ElementReader::join(ring.memory(), 0, {}, parks);
  EventReader events(*reader);
  std::thread writing([&] {
    Producer<Element> producer(ring.memory(), parks);
    write_all(producer, total, 3);
    producer.close();
  });
  std::uint64_t expected = 0;
  std::uint64_t wrong = 0;
  for (auto result = ReadResult::empty; result != ReadResult::detached;) {
    REQUIRE(is_readable(events.fd(), patience_ms));
    result = events
                 .poll(
                     [&](const Element& element) {
                       wrong += element.number != expected || element.twice != 2 * expected;
                       ++expected;
                     },
                     std::uint64_t{4})
                 .result;
  }
  writing.join();
  CHECK(expected == total);
  CHECK(wrong == 0);
}

// T14
TEST_CASE("event_reader: the descriptor is not readable when nothing is left, and a ring that only spins is refused") {
  Ring ring(16);
  auto reader = ElementReader::join(ring.memory(), 0, {}, parks);
  Producer<Element> producer(ring.memory(), parks);
  EventReader events(*reader);
  for (std::uint64_t round = 0; round < 50; ++round) {
    // It may say so once too often, when the thread is still behind.
    while (is_readable(events.fd(), 0)) {
      CHECK(events.poll([](const Element&) {}).result == ReadResult::empty);
    }
    CHECK(producer.try_push(Element{round, 0}) == ClaimResult::claimed);
    CHECK(producer.try_push(Element{round, 0}) == ClaimResult::claimed);
    CHECK(is_readable(events.fd(), patience_ms));
    while (events.poll([](const Element&) {}, std::uint64_t{1}).result == ReadResult::ok) {
    }
  }
  auto spinning = ElementReader::join(ring.memory(), 1, {}, spins);
  CHECK(ringfleet::test::error_of([&] { EventReader refused(*spinning); }) == ErrorCode::invalid_argument);
}

TEST_CASE("fan_in: it learns of a death by the obituary of the reader, and spins as long as one of them may not park") {
  auto rings = make_rings(3, 8);
  memory::Obituary obituary;
  ProcessWord<std::uint32_t> dead;
  auto options = parks;
  options.obituary = &obituary;
  options.dead = &dead;
  auto first = ElementReader::join(rings[0]->memory(), 0, {}, parks);
  auto watching = ElementReader::join(rings[1]->memory(), 0, {}, options);
  auto spinning = ElementReader::join(rings[2]->memory(), 0, {}, spins);
  FanIn fan_in;
  fan_in.add(*first);
  fan_in.add(*watching);
  std::thread dying([&] {
    dead.publish(1);
    obituary.announce();
  });
  const auto ended = fan_in.wait(patience());
  CHECK(ended.result == BarrierResult::reached);
  CHECK(ended.index == 1);
  dying.join();

  FanIn mixed; // spins, in whatever order they come
  mixed.add(*spinning);
  mixed.add(*first);
  Producer<Element> producer(rings[0]->memory(), spins); // wakes nobody
  std::thread sending([&] { CHECK(producer.try_push({1, 2}) == ClaimResult::claimed); });
  CHECK(mixed.wait(patience()).index == 1);
  sending.join();
}
