#include "../seed.hpp"
#include "lane_fixture.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <random>

using namespace ringfleet;
using namespace ringfleet::call;
using namespace ringfleet::call::test;

namespace {

// A lane whose runner is played by the test, step by step, up to its death.
struct DyingLane : Lane {
  explicit DyingLane(std::uint32_t workers = 1, std::uint64_t first_position = 0)
      : Lane({4, 64, workers}, WaitMode::park, first_position) {}

  std::uint64_t call(Delivery delivery = Delivery::held) {
    const auto started = caller.start({.method = echo}, {}, delivery, never);
    REQUIRE(started.status == StartStatus::started);
    return started.position;
  }
  Request take() {
    Request request;
    REQUIRE(server.poll(request));
    return request;
  }
  void begin(std::uint32_t worker, std::uint32_t count = 1) {
    const auto first = take().position;
    for (std::uint32_t i = 1; i < count; ++i) {
      take();
    }
    server.start(worker, first, never, count);
  }
  void answer(std::uint64_t position) { server.reply(position, CallStatus::ok); }

  Progress& progress(std::uint32_t worker = 0) {
    return reinterpret_cast<Progress*>(memory.runner.writable_bytes().data() + progress_offset)[worker];
  }
  ReplyHeader& reply(std::uint64_t position) {
    return *reinterpret_cast<ReplyHeader*>(memory.runner.writable_bytes().data() + reply_offset(shape, position));
  }
  LaneControl& control() { return *reinterpret_cast<LaneControl*>(memory.runner.writable_bytes().data()); }

  void die() {
    caller.mark_dead();
    obituary.announce();
  }
};

} // namespace

// F7
TEST_CASE("fate: a call that was never announced is queued, even if it had been taken") {
  DyingLane lane;
  const auto taken = lane.call();
  const auto published = lane.call();
  lane.take();
  lane.die();
  CHECK(lane.caller.fate(taken) == Fate::queued);
  CHECK(lane.caller.fate(published) == Fate::queued);
  CHECK(lane.caller.wait(taken, never).status == WaitStatus::dead);
}

TEST_CASE("fate: an announced call is started, its neighbours are not") {
  DyingLane lane;
  const auto first = lane.call();
  const auto second = lane.call();
  const auto third = lane.call();
  lane.begin(0);
  lane.answer(first);
  lane.server.finish(0);
  lane.begin(0);
  lane.die();
  CHECK(lane.caller.fate(first) == Fate::replied);
  CHECK(lane.caller.fate(second) == Fate::started);
  CHECK(lane.caller.fate(third) == Fate::queued);
  CHECK(lane.caller.wait(first, never).status == WaitStatus::replied);
}

TEST_CASE("fate: of an announced batch every call is started, but those that are replied") {
  DyingLane lane;
  for (int i = 0; i < 4; ++i) {
    lane.call();
  }
  lane.begin(0, 3);
  lane.answer(1);
  lane.die();
  CHECK(lane.caller.fate(0) == Fate::started);
  CHECK(lane.caller.fate(1) == Fate::replied);
  CHECK(lane.caller.fate(2) == Fate::started);
  CHECK(lane.caller.fate(3) == Fate::queued);
}

TEST_CASE("fate: each worker's call is started (2 workers, killed in both)") {
  DyingLane lane(2);
  for (int i = 0; i < 4; ++i) {
    lane.call();
  }
  lane.begin(1);
  lane.begin(0);
  lane.answer(1);
  lane.die();
  CHECK(lane.caller.fate(0) == Fate::started);
  CHECK(lane.caller.fate(1) == Fate::replied);
  CHECK(lane.caller.fate(2) == Fate::queued);
}

TEST_CASE("fate: a reply whose slot was claimed again before the death leaves the rest exact (1 worker, full lane)") {
  for (const std::uint32_t batch : {1U, 3U}) {
    DyingLane lane;
    for (int i = 0; i < 4; ++i) {
      lane.call();
    }
    lane.begin(0, batch);
    for (std::uint32_t i = 0; i < batch; ++i) {
      lane.answer(i);
      lane.caller.release(i);
      CHECK(lane.call() == 4 + i);
    }
    lane.die(); // between the reply and the end of the announcement
    for (std::uint64_t position = batch; position < 4 + batch; ++position) {
      CHECK(lane.caller.fate(position) == Fate::queued);
    }
  }
}

TEST_CASE("fate: a worker that stopped behind its reply leaves the rest exact, laps later (2 workers)") {
  DyingLane lane(2);
  lane.call();
  lane.begin(1);
  lane.answer(0);
  lane.caller.release(0);
  for (std::uint64_t position = 1; position < 50; ++position) {
    lane.call();
    lane.begin(0);
    lane.answer(position);
    lane.server.finish(0);
    lane.caller.release(position);
  }
  const auto last = lane.call();
  lane.die();
  CHECK(lane.caller.fate(last) == Fate::queued);
}

TEST_CASE("fate: calls are exact where positions pass 2^32 and 2^63") {
  for (const std::uint64_t first : {(1ULL << 32) - 2, (1ULL << 61) - 2, (1ULL << 63) - 2}) {
    DyingLane lane(1, first);
    for (int i = 0; i < 4; ++i) {
      lane.call();
    }
    lane.begin(0);
    lane.answer(first);
    lane.server.finish(0);
    lane.begin(0, 2);
    lane.die();
    CHECK(lane.caller.fate(first) == Fate::replied);
    CHECK(lane.caller.fate(first + 1) == Fate::started);
    CHECK(lane.caller.fate(first + 2) == Fate::started);
    CHECK(lane.caller.fate(first + 3) == Fate::queued);
  }
}

// fault 20
TEST_CASE("fate: an implausible announcement makes the whole lane started") {
  struct Wrong {
    std::string what;
    void (*write)(DyingLane&);
  };
  const Wrong all[] = {
      {"beyond the tail", [](DyingLane& lane) { lane.server.start(0, 3, never); }},
      {"over the tail", [](DyingLane& lane) { lane.server.start(0, 1, never, 3); }},
      {"of no call", [](DyingLane& lane) { lane.server.start(0, 1, never, 0); }},
      {"of more calls than a lane holds", [](DyingLane& lane) { lane.server.start(0, 1, never, 0xffff'ffff); }},
      {"of a lap that has not been", [](DyingLane& lane) { lane.server.start(0, ~std::uint64_t{5}, never); }},
      {"garbage in its first call", [](DyingLane& lane) { lane.progress().first_stamp ^= 1; }},
      {"garbage in its count", [](DyingLane& lane) { lane.progress().count = 2; }},
      {"garbage in its deadline", [](DyingLane& lane) { lane.progress().deadline_ns -= 1; }},
      {"a worker that was never there", [](DyingLane& lane) { lane.progress(1).first_stamp = 2; }},
      {"a stamp nobody can have given", [](DyingLane& lane) { lane.reply(2).stamp = 77; }},
      {"a close beyond the tail", [](DyingLane& lane) { lane.control().closed = 1'000; }},
  };
  for (const auto& wrong : all) {
    CAPTURE(wrong.what);
    DyingLane lane(2);
    const auto first = lane.call();
    const auto second = lane.call();
    const auto third = lane.call();
    lane.begin(0);
    lane.answer(first);
    lane.server.finish(0);
    lane.begin(0);
    wrong.write(lane);
    lane.die();
    CHECK(lane.caller.fate(first) == Fate::replied);
    CHECK(lane.caller.fate(second) == Fate::started);
    CHECK(lane.caller.fate(third) == Fate::started);
  }
}

TEST_CASE("fate: random garbage in a runner's memory never makes a call queued that had been started") {
  const auto seed = ringfleet::test::seed_or(7);
  MESSAGE("seed ", seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 2'000; ++round) {
    DyingLane lane(2);
    for (int i = 0; i < 4; ++i) {
      lane.call();
    }
    lane.begin(0);
    lane.begin(1);
    auto& line = lane.progress(random() % 2 != 0 ? 1 : 0);
    auto* const place = reinterpret_cast<std::byte*>(&line) + random() % 8 * sizeof(std::uint32_t);
    std::uint32_t word = 0;
    std::memcpy(&word, place, sizeof word);
    word = random() % 2 != 0 ? static_cast<std::uint32_t>(random()) : word ^ (1U << random() % 32);
    std::memcpy(place, &word, sizeof word);
    if (line.first_stamp == 0) {
      continue; // that is how "idle" looks
    }
    lane.die();
    CHECK(lane.caller.fate(0) == Fate::started);
    CHECK(lane.caller.fate(1) == Fate::started);
  }
}

TEST_CASE("fate: the first verdict stands, whatever is written after the death") {
  DyingLane lane; // a stray child of the runner still has its memory
  const auto position = lane.call();
  lane.die();
  lane.begin(0);
  lane.answer(position);
  lane.caller.mark_dead();
  CHECK(lane.caller.fate(position) == Fate::queued);
}

TEST_CASE("fate: asynchronous calls of a dead runner can be taken by one thread only, to send them elsewhere") {
  DyingLane lane;
  const auto position = lane.call(Delivery::loose);
  lane.die();
  std::vector<std::uint64_t> seen;
  lane.caller.for_each_loose([&](std::uint64_t loose) { seen.push_back(loose); });
  CHECK(seen == std::vector<std::uint64_t>{position});
  CHECK(lane.caller.take(position));
  CHECK_FALSE(lane.caller.take(position));
  CHECK(lane.caller.collect(position, never).status == WaitStatus::taken);
  CHECK(lane.caller.request_fields(position).method == echo);
  CHECK(lane.caller.fate(position) == Fate::queued);
  lane.caller.abandon(position);
  CHECK_FALSE(lane.caller.is_busy());
}
