#include "lane_fixture.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>

using namespace ringfleet;
using namespace ringfleet::call;
using namespace ringfleet::call::test;

namespace {

// Serves what is there, on the caller's thread.
std::size_t serve_all(Lane& lane) {
  std::size_t served = 0;
  Request request;
  while (lane.server.poll(request)) {
    serve(lane.server, request);
    ++served;
  }
  return served;
}

std::uint64_t start_one(Lane& lane, std::uint64_t value, Delivery delivery = Delivery::held) {
  const auto started = lane.caller.start({.method = echo}, bytes_of_value(value), delivery, never);
  REQUIRE(started.status == StartStatus::started);
  return started.position;
}

std::uint64_t value_of(const Waited& waited) {
  std::uint64_t value = 0;
  REQUIRE(waited.reply.bytes.size() == sizeof value);
  std::memcpy(&value, waited.reply.bytes.data(), sizeof value);
  return value;
}

} // namespace

// trap 15
TEST_CASE("lane: a deadline that passes while the lane is full leaves no hole") {
  Lane lane({2, 64, 1});
  const auto first = start_one(lane, 1);
  start_one(lane, 2);
  CHECK(lane.caller.start({.method = echo}, {}, Delivery::held, 0).status == StartStatus::lane_full);
  CHECK(lane.caller.start({.method = echo}, {}, Delivery::held, monotonic_now() + 1'000'000).status ==
        StartStatus::lane_full);
  CHECK(serve_all(lane) == 2);
  lane.caller.release(first);
  CHECK(start_one(lane, 3) == 2);
  CHECK(serve_all(lane) == 1);
}

TEST_CASE("lane: it is busy while a call is held, or is waited for by somebody who comes back, and not afterwards") {
  Lane lane({2, 64, 1});
  CHECK_FALSE(lane.caller.is_busy());
  const auto held = start_one(lane, 1);
  CHECK(lane.caller.is_busy());
  lane.caller.abandon(held);
  CHECK_FALSE(lane.caller.is_busy());
  const auto loose = start_one(lane, 2, Delivery::loose);
  CHECK(lane.caller.is_busy());
  lane.caller.abandon_loose(loose);
  CHECK_FALSE(lane.caller.is_busy());
}

// trap 15
TEST_CASE("lane: an encoder that throws has not claimed anything") {
  Lane lane({2, 64, 1});
  auto encode = []() -> std::vector<std::byte> { throw std::bad_alloc(); };
  CHECK_THROWS_AS((void)lane.caller.start({.method = echo}, encode(), Delivery::held, never), std::bad_alloc);
  CHECK(start_one(lane, 1) == 0);
  CHECK(serve_all(lane) == 1);
}

TEST_CASE("lane: an arena that cannot grow refuses the call and leaves no hole") {
  Lane lane({2, 64, 1});
  lane.may_grow = false;
  const std::vector<std::byte> payload(1000);
  CHECK(lane.caller.start({.method = echo}, payload, Delivery::held, never).status == StartStatus::no_space);
  CHECK(start_one(lane, 1) == 0);
  CHECK(serve_all(lane) == 1);
}

TEST_CASE("lane: a late reply to an abandoned call is never seen by another call") {
  Lane lane({2, 64, 1});
  const auto given_up = start_one(lane, 111);
  CHECK(lane.caller.wait(given_up, monotonic_now()).status == WaitStatus::timed_out);
  lane.caller.abandon(given_up);
  const auto second = start_one(lane, 222);
  CHECK(lane.caller.start({.method = echo}, {}, Delivery::held, 0).status == StartStatus::lane_full);
  CHECK(serve_all(lane) == 2);
  const auto third = start_one(lane, 333);
  CHECK(third == given_up + 2);
  CHECK(lane.caller.wait(third, monotonic_now()).status == WaitStatus::timed_out);
  CHECK(serve_all(lane) == 1);
  CHECK(value_of(lane.caller.wait(second, never)) == 222);
  CHECK(value_of(lane.caller.wait(third, never)) == 333);
}

TEST_CASE("lane: abandoned calls give their arena blocks back, on both sides") {
  Lane lane({2, 64, 1});
  const std::vector<std::byte> payload(100'000);
  for (int round = 0; round < 50; ++round) {
    const auto started = lane.caller.start({.method = echo}, payload, Delivery::held, never);
    REQUIRE(started.status == StartStatus::started);
    lane.caller.abandon(started.position);
    serve_all(lane);
    lane.may_grow = round < 3;
  }
  CHECK(lane.server.arena_used_bytes() <= 4 * 100'352);
}

TEST_CASE("lane: a cancelled request is answered as cancelled, and its neighbour is not") {
  Lane lane({2, 64, 1});
  const auto first = start_one(lane, 1);
  const auto second = start_one(lane, 2);
  lane.caller.cancel(first);
  CHECK(serve_all(lane) == 2);
  CHECK(lane.caller.wait(first, never).reply.status == CallStatus::cancelled);
  CHECK(value_of(lane.caller.wait(second, never)) == 2);
  lane.caller.release(first);
  lane.caller.release(second);
  // The same slot, next lap.
  const auto third = start_one(lane, 3);
  CHECK(serve_all(lane) == 1);
  CHECK(value_of(lane.caller.wait(third, never)) == 3);
}

TEST_CASE("lane: a full lane moves an answered asynchronous call aside and hands it out later") {
  Lane lane({2, 64, 1});
  const auto a = start_one(lane, 10, Delivery::loose);
  const auto b = start_one(lane, 11, Delivery::loose);
  CHECK_FALSE(lane.caller.is_ready(a));
  CHECK(serve_all(lane) == 2);
  CHECK(lane.caller.is_ready(a));
  const auto c = start_one(lane, 12);
  CHECK(lane.caller.is_ready(a));
  serve_all(lane);
  const auto moved = lane.caller.collect(a, never);
  CHECK(moved.status == WaitStatus::replied);
  CHECK(moved.moved);
  CHECK(value_of(moved) == 10);
  CHECK(lane.caller.collect(a, never).status == WaitStatus::taken);
  const auto in_place = lane.caller.collect(b, never);
  CHECK_FALSE(in_place.moved);
  CHECK(value_of(in_place) == 11);
  CHECK(value_of(lane.caller.wait(c, never)) == 12);
  lane.caller.release(b);
  lane.caller.release(c);
  CHECK_FALSE(lane.caller.is_busy());
}

TEST_CASE("lane: a moved reply that nobody wants is dropped") {
  Lane lane({1, 64, 1});
  const auto a = start_one(lane, 10, Delivery::loose);
  serve_all(lane);
  const auto b = start_one(lane, 11, Delivery::loose);
  lane.caller.abandon_loose(a);
  CHECK(lane.caller.collect(a, never).status == WaitStatus::taken);
  lane.caller.abandon_loose(b);
  serve_all(lane);
  const auto c = start_one(lane, 12);
  serve_all(lane);
  CHECK(value_of(lane.caller.wait(c, never)) == 12);
}

TEST_CASE("lane: asynchronous calls of many threads through one slot all come back (4 threads, 1 slot)") {
  const int calls = 20'000 / static_cast<int>(scale_down);
  Lane lane({1, 64, 1});
  ServerThread server(lane.server);
  std::atomic<int> right = 0;
  std::vector<std::thread> callers;
  for (std::uint64_t t = 0; t < 4; ++t) {
    callers.emplace_back([&, t] {
      for (int i = 0; i < calls; ++i) {
        const std::uint64_t value = t << 32 | static_cast<std::uint64_t>(i);
        const auto started = lane.caller.start({.method = echo}, bytes_of_value(value),
                                               i % 3 == 0 ? Delivery::held : Delivery::loose, never);
        const auto waited =
            i % 3 == 0 ? lane.caller.wait(started.position, never) : lane.caller.collect(started.position, never);
        if (waited.status == WaitStatus::replied && waited.reply.bytes.size() == sizeof value &&
            std::memcmp(waited.reply.bytes.data(), &value, sizeof value) == 0) {
          ++right;
        }
        if (!waited.moved) {
          lane.caller.release(started.position);
        }
      }
    });
  }
  for (auto& caller : callers) {
    caller.join();
  }
  CHECK(right == 4 * calls);
}

TEST_CASE("lane: a reply that several claimers want to move aside is moved once and found (4 threads, 2 slots)") {
  const std::uint64_t rounds = 5'000 / scale_down;
  constexpr std::uint64_t batch = 4;
  Lane lane({2, 64, 1});
  ServerThread server(lane.server);
  std::atomic<std::uint64_t> right = 0;
  std::vector<std::thread> callers;
  for (std::uint64_t t = 0; t < 4; ++t) {
    callers.emplace_back([&, t] {
      for (std::uint64_t round = 0; round < rounds; ++round) {
        std::array<std::uint64_t, batch> positions{};
        for (std::uint64_t i = 0; i < batch; ++i) {
          const auto value = t << 32 | (round * batch + i);
          positions[i] = lane.caller.start({.method = echo}, bytes_of_value(value), Delivery::loose, never).position;
        }
        for (std::uint64_t i = 0; i < batch; ++i) {
          const auto value = t << 32 | (round * batch + i);
          const auto waited = lane.caller.collect(positions[i], never);
          right += waited.status == WaitStatus::replied && waited.reply.bytes.size() == sizeof value &&
                   std::memcmp(waited.reply.bytes.data(), &value, sizeof value) == 0;
          if (waited.status == WaitStatus::replied && !waited.moved) {
            lane.caller.release(positions[i]);
          }
        }
      }
    });
  }
  for (auto& caller : callers) {
    caller.join();
  }
  CHECK(right == 4 * rounds * batch);
}

// trap 6
TEST_CASE("lane: a caller that publishes while the runner closes is answered or told to go elsewhere") {
  const int rounds = 2'000 / static_cast<int>(scale_down);
  for (int round = 0; round < rounds; ++round) {
    Lane lane({4, 64, 1});
    ServerThread server(lane.server);
    std::atomic<int> answered = 0;
    std::atomic<int> moved_on = 0;
    std::vector<std::thread> callers;
    for (int t = 0; t < 2; ++t) {
      callers.emplace_back([&] {
        for (;;) {
          const auto started = lane.caller.start({.method = echo}, {}, Delivery::held, never);
          if (started.status == StartStatus::closed) {
            return;
          }
          const auto waited = lane.caller.wait(started.position, never);
          if (waited.status == WaitStatus::never_executed) {
            ++moved_on;
            lane.caller.abandon(started.position);
            return;
          }
          lane.caller.release(started.position);
          ++answered;
        }
      });
    }
    while (answered < 5) {
      std::this_thread::yield();
    }
    server.stop(true);
    for (auto& caller : callers) {
      caller.join();
    }
    CHECK(answered >= 5);
    CHECK(moved_on <= 2);
  }
}

TEST_CASE("lane: callers that wait for a slot are told when the runner closes or dies") {
  for (const bool dies : {false, true}) {
    Lane lane({1, 64, 1});
    const auto blocking = start_one(lane, 1);
    StartStatus status = StartStatus::started;
    std::thread waiting([&] { status = lane.caller.start({.method = echo}, {}, Delivery::held, never).status; });
    std::this_thread::yield();
    if (dies) {
      lane.caller.mark_dead();
      lane.obituary.announce();
    } else {
      lane.server.close();
    }
    waiting.join();
    CHECK(status == (dies ? StartStatus::dead : StartStatus::closed));
    CHECK(lane.caller.wait(blocking, never).status == (dies ? WaitStatus::dead : WaitStatus::never_executed));
  }
}

TEST_CASE("lane: a reply buffer grows and keeps what it is told to keep; a reply of nothing gives it back") {
  Lane lane({2, 64, 1});
  const auto position = start_one(lane, 1);
  Request request;
  REQUIRE(lane.server.poll(request));
  lane.server.start(0, position, never);
  const auto small = lane.server.reply_buffer(position, 64);
  std::fill(small.bytes.begin(), small.bytes.end(), std::byte{5});
  const auto block = lane.server.reply_buffer(position, 1'000, 64);
  REQUIRE(block.status == CallStatus::ok);
  CHECK(block.bytes[63] == std::byte{5});
  block.bytes[999] = std::byte{6};
  CHECK(lane.server.reply_buffer(position, 10).bytes.data() == block.bytes.data()); // the one that is there
  const auto larger = lane.server.reply_buffer(position, 5'000, 1'000);
  REQUIRE(larger.status == CallStatus::ok);
  CHECK(larger.bytes[63] == std::byte{5});
  CHECK(larger.bytes[999] == std::byte{6});
  lane.server.reply(position, CallStatus::ok, 0, 0);
  lane.server.finish(0);
  CHECK(lane.server.arena_used_bytes() == 0);
  CHECK(lane.caller.wait(position, never).reply.bytes.empty());
}

TEST_CASE("lane: a request is seen by its caller as it was sent, in its slot or in the arena") {
  Lane lane({2, 64, 1});
  const auto first = start_one(lane, 7);
  CHECK(lane.caller.request_payload(first).size() == sizeof(std::uint64_t));
  const std::vector<std::byte> payload(1'000, std::byte{3});
  const auto second = lane.caller.start({.method = echo}, payload, Delivery::held, never);
  REQUIRE(second.status == StartStatus::started);
  const auto seen = lane.caller.request_payload(second.position);
  CHECK(std::equal(seen.begin(), seen.end(), payload.begin(), payload.end()));
}

TEST_CASE("lane: an asynchronous call is ready when it is answered, taken, refused by the close, or its runner dead") {
  for (const int way : {0, 1, 2, 3}) {
    CAPTURE(way);
    Lane lane({2, 64, 1});
    const auto position = start_one(lane, 7, Delivery::loose);
    CHECK_FALSE(lane.caller.is_ready(position));
    switch (way) {
    case 0: CHECK(serve_all(lane) == 1); break;
    case 1: lane.caller.abandon_loose(position); break;
    case 2:
      CHECK_FALSE(lane.caller.is_closed());
      lane.server.close();
      CHECK(lane.caller.is_closed());
      break;
    default: lane.caller.mark_dead(); break;
    }
    CHECK(lane.caller.is_ready(position));
  }
}

TEST_CASE("lane: without anybody who makes arenas, what does not fit a slot is refused") {
  const LaneShape shape{2, 64, 1};
  LaneMemory memory(shape);
  ServerLane server(shape, memory.runner.writable_bytes(), memory.client.bytes(), {WaitMode::park, {}});
  CallerLane caller(shape, memory.client.writable_bytes(), memory.runner.bytes(), {WaitMode::park, nullptr, {}});
  const std::vector<std::byte> payload(1'000);
  CHECK(caller.start({.method = echo}, payload, Delivery::held, never).status == StartStatus::no_space);
  CHECK(caller.shape().slots == server.shape().slots);
  const auto started = caller.start({.method = echo}, {}, Delivery::held, never);
  REQUIRE(started.status == StartStatus::started);
  Request request;
  REQUIRE(server.poll(request));
  CHECK(server.reply_buffer(started.position, 1'000).status == CallStatus::no_space);
  CHECK(server.reply_buffer(started.position, limits::payload_bytes_max + 1).status == CallStatus::too_large);
}
