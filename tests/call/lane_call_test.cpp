// RINGFLEET_TEST_ROUNDS: how many calls from many threads.

#include "../seed.hpp"
#include "lane_fixture.hpp"

#include <doctest/doctest.h>

#include <array>
#include <future>
#include <thread>
#include <vector>

using namespace ringfleet;
using namespace ringfleet::call;
using namespace ringfleet::call::test;

TEST_CASE("lane: a call is answered in place (1 thread, park and spin)") {
  for (const auto mode : {WaitMode::park, WaitMode::spin}) {
    Lane lane({4, 64, 1}, mode);
    ServerThread server(lane.server);
    for (int i = 0; i < 100; ++i) {
      const auto text = "call " + std::to_string(i);
      const auto started = lane.caller.start({.method = echo}, bytes_of(text), Delivery::held, never);
      REQUIRE(started.status == StartStatus::started);
      CHECK(started.position == static_cast<std::uint64_t>(i));
      const auto waited = lane.caller.wait(started.position, never);
      REQUIRE(waited.status == WaitStatus::replied);
      CHECK(waited.reply.status == CallStatus::ok);
      CHECK(std::string(reinterpret_cast<const char*>(waited.reply.bytes.data()), waited.reply.bytes.size()) == text);
      lane.caller.release(started.position);
    }
    CHECK_FALSE(lane.caller.is_busy());
  }
}

// F5
TEST_CASE("lane: no reply is lost, duplicated or mixed up (10^6 calls from 4 threads, 8 slots)") {
  const auto calls = ringfleet::test::rounds_or(1'000'000 / scale_down);
  constexpr unsigned threads = 4;
  Lane lane({8, 64, 1});
  ServerThread server(lane.server);
  std::atomic<std::uint64_t> answered = 0;
  std::atomic<std::uint64_t> wrong = 0;
  std::vector<std::thread> callers;
  for (unsigned t = 0; t < threads; ++t) {
    callers.emplace_back([&, t] {
      for (std::uint64_t i = 0; i < calls / threads; ++i) {
        const std::array<std::uint64_t, 3> sent{t, i, t * 1'000'003 + i};
        const auto started = lane.caller.start({.method = echo}, std::as_bytes(std::span(sent)), Delivery::held, never);
        const auto waited = lane.caller.wait(started.position, never);
        if (started.status != StartStatus::started || waited.status != WaitStatus::replied ||
            waited.reply.bytes.size() != sizeof sent ||
            std::memcmp(waited.reply.bytes.data(), sent.data(), sizeof sent) != 0) {
          ++wrong;
        }
        lane.caller.release(started.position);
        ++answered;
      }
    });
  }
  for (auto& caller : callers) {
    caller.join();
  }
  CHECK(wrong == 0);
  CHECK(answered == calls / threads * threads);
  CHECK_FALSE(lane.caller.is_busy());
}

TEST_CASE("lane: positions near 2^31, 2^32 and 2^63 are ordinary (fault 39)") {
  for (const std::uint64_t first : {(1ULL << 31) - 5, (1ULL << 32) - 5, (1ULL << 61) - 5, (1ULL << 63) - 5}) {
    Lane lane({4, 64, 1}, WaitMode::park, first);
    ServerThread server(lane.server);
    for (std::uint64_t i = 0; i < 20; ++i) {
      const auto started = lane.caller.start({.method = echo}, bytes_of_value(i), Delivery::held, never);
      REQUIRE(started.status == StartStatus::started);
      CHECK(started.position == first + i);
      const auto waited = lane.caller.wait(started.position, never);
      REQUIRE(waited.status == WaitStatus::replied);
      lane.caller.release(started.position);
    }
    // A lap that is left to be collected, a full lane, and a close, all across the border.
    std::vector<std::uint64_t> loose;
    for (std::uint64_t i = 0; i < 9; ++i) {
      loose.push_back(lane.caller.start({.method = echo}, bytes_of_value(i), Delivery::loose, never).position);
    }
    for (std::uint64_t i = 0; i < loose.size(); ++i) {
      const auto waited = lane.caller.collect(loose[i], never);
      REQUIRE(waited.status == WaitStatus::replied);
      CHECK(std::memcmp(waited.reply.bytes.data(), &i, sizeof i) == 0);
      if (!waited.moved) {
        lane.caller.release(loose[i]);
      }
    }
    server.stop(true);
    CHECK(lane.caller.start({.method = echo}, {}, Delivery::held, never).status == StartStatus::closed);
  }
}

TEST_CASE("lane: payloads of every size reach the module and come back") {
  Lane lane({4, 1024, 1});
  ServerThread server(lane.server);
  for (const std::uint64_t size :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1023}, std::uint64_t{1024}, std::uint64_t{1025},
        std::uint64_t{1} << 20, std::uint64_t{3} << 20, limits::payload_bytes_max}) {
    CAPTURE(size);
    std::vector<std::byte> sent(size);
    for (std::uint64_t i = 0; i < size; i += size > 65'536 ? 997 : 1) {
      sent[i] = pattern(size, i);
    }
    const auto started = lane.caller.start({.method = echo}, sent, Delivery::held, never);
    REQUIRE(started.status == StartStatus::started);
    const auto waited = lane.caller.wait(started.position, never);
    REQUIRE(waited.status == WaitStatus::replied);
    REQUIRE(waited.reply.status == CallStatus::ok);
    REQUIRE(waited.reply.bytes.size() == size);
    CHECK(std::equal(sent.begin(), sent.end(), waited.reply.bytes.begin()));
    lane.caller.release(started.position);
  }
  const std::vector<std::byte> too_large(limits::payload_bytes_max + 1);
  CHECK(lane.caller.start({.method = echo}, too_large, Delivery::held, never).status == StartStatus::too_large);
  const std::uint64_t reply_bytes = limits::payload_bytes_max + 1;
  const auto started = lane.caller.start({.method = fill}, bytes_of_value(reply_bytes), Delivery::held, never);
  CHECK(lane.caller.wait(started.position, never).reply.status == CallStatus::too_large);
  lane.caller.release(started.position);
}

TEST_CASE("lane: a module's own code and the chain of a nested call arrive unchanged") {
  Lane lane({4, 64, 1});
  const Chain chain{7, 65'535, 12};
  const auto nested = lane.caller.start({.method = refuse, .deadline = 99, .chain = chain}, {}, Delivery::held, never);
  const auto plain = lane.caller.start({.method = refuse}, {}, Delivery::held, never);
  Request request;
  REQUIRE(lane.server.poll(request));
  CHECK(request.chain == Chain{7, 65'535, 12, 0, 0, 0});
  CHECK(request.deadline == 99);
  serve(lane.server, request);
  REQUIRE(lane.server.poll(request));
  CHECK(request.chain == Chain{});
  serve(lane.server, request);
  for (const auto position : {nested.position, plain.position}) {
    const auto waited = lane.caller.wait(position, never);
    CHECK(waited.reply.status == CallStatus::module_error);
    CHECK(waited.reply.module_code == 7);
  }
}

TEST_CASE("lane: whoever makes an arena for a call is told the deadline of that call") {
  Lane lane({32, 64, 1});
  ServerThread server(lane.server);
  const MonotonicNs deadline = monotonic_now() + 100'000'000'000;
  const auto started =
      lane.caller.start({.method = fill, .deadline = deadline}, std::vector<std::byte>(200'000), Delivery::held, never);
  REQUIRE(started.status == StartStatus::started);
  CHECK(lane.wanted_until == deadline);
  const auto waited = lane.caller.wait(started.position, never);
  CHECK(waited.status == WaitStatus::replied);
  lane.caller.release(started.position);
}

TEST_CASE("lane: a call that waits for its turn to make an arena does so until its own deadline") {
  const LaneShape shape{32, 64, 1};
  LaneMemory memory(shape);
  std::promise<void> asked;
  std::promise<void> answer;
  CallerLane caller(shape, memory.client.writable_bytes(), memory.runner.bytes(),
                    {WaitMode::park, nullptr, [&](std::uint64_t, MonotonicNs) {
                       asked.set_value();
                       answer.get_future().wait();
                       return false;
                     }});
  const std::vector<std::byte> large(200'000);
  const auto start = [&](MonotonicNs deadline) {
    return caller.start({.method = fill, .deadline = deadline}, large, Delivery::held, never).status;
  };
  StartStatus first{};
  std::thread other([&] { first = start(never); });
  asked.get_future().wait();
  CHECK(start(monotonic_now() + 1'000'000) == StartStatus::no_space); // while the other one waits for its answer
  answer.set_value();
  other.join();
  CHECK(first == StartStatus::no_space);
}

// trap 14
TEST_CASE("lane: replies that fill the arena end in no_space, never in a deadlock, and releases make room") {
  const std::uint64_t size = (64ULL << 20) / (scale_down == 1 ? 1 : 8);
  Lane lane({32, 64, 1});
  ServerThread server(lane.server);
  std::vector<std::uint64_t> held;
  bool ran_out = false;
  for (int i = 0; i < 16 && !ran_out; ++i) {
    if (i == 5) {
      lane.may_grow = false; // as at the limit of arena bytes
    }
    const auto started = lane.caller.start({.method = fill}, bytes_of_value(size), Delivery::held, never);
    const auto waited = lane.caller.wait(started.position, never);
    REQUIRE(waited.status == WaitStatus::replied);
    ran_out = waited.reply.status == CallStatus::no_space;
    if (ran_out) {
      lane.caller.release(started.position);
    } else {
      REQUIRE(waited.reply.bytes.size() == size);
      held.push_back(started.position);
    }
  }
  CHECK(ran_out);
  for (const auto position : held) {
    lane.caller.release(position);
  }
  for (int i = 0; i < 16; ++i) {
    const auto started = lane.caller.start({.method = fill}, bytes_of_value(size), Delivery::held, never);
    const auto waited = lane.caller.wait(started.position, never);
    REQUIRE(waited.reply.status == CallStatus::ok);
    CHECK(waited.reply.bytes[4096] == pattern(size, 4096));
    lane.caller.release(started.position);
  }
}
