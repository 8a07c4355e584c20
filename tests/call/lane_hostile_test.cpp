#include "../exact_memory.hpp"
#include "../seed.hpp"
#include "lane_fixture.hpp"

#include <doctest/doctest.h>

#include <random>

using namespace ringfleet;
using namespace ringfleet::call;
using namespace ringfleet::call::test;

// The peer's memory holds anything at all. Segments are exactly as long as they must be.

namespace {

constexpr LaneShape small{4, 64, 2};

using ringfleet::test::ExactMemory;

struct ExactLane {
  explicit ExactLane(WaitMode mode = WaitMode::park)
      : requests(client_body_bytes(small)), replies(runner_body_bytes(small)), request_arena(1 << 14),
        reply_arena(1 << 14), server(small, replies.span(), requests.span(), {mode, {}}),
        caller(small, requests.span(), replies.span(), {mode, nullptr, {}}) {
    caller.add_arena(request_arena.span());
    server.add_arena(reply_arena.span());
    (void)caller.open_reply_arena(1, reply_arena.span());
    (void)server.open_request_arena(1, request_arena.span());
  }

  ExactMemory requests;
  ExactMemory replies;
  ExactMemory request_arena;
  ExactMemory reply_arena;
  ServerLane server;
  CallerLane caller;
};

bool lies_in(std::span<const std::byte> part, std::span<const std::byte> whole) {
  return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

std::uint64_t sum_of(std::span<const std::byte> bytes) {
  std::uint64_t sum = 0;
  for (const auto byte : bytes) {
    sum += static_cast<std::uint64_t>(byte);
  }
  return sum;
}

// Values that are nearly right hit more than random ones.
std::uint64_t nasty_value(std::mt19937_64& random, std::uint64_t now) {
  switch (random() % 6) {
  case 0: return now ^ (std::uint64_t{1} << random() % 64);
  case 1: return now + random() % 5 - 2;
  case 2: return random() % 16;
  case 3: return ~(random() % 16);
  case 4: return (random() % 18) << 56 | random() % (1 << 15);
  default: return random();
  }
}

constexpr std::uint64_t patience_ns = 2'000'000;

// Overwrites random words that `in_range` offers while `work` runs.
template <class Work>
void under_attack(std::uint64_t seed, const ExactMemory& memory, const std::vector<std::size_t>& words, Work&& work) {
  std::atomic<bool> done = false;
  std::thread attacker([&] {
    std::mt19937_64 random(seed);
    while (!done) {
      auto& word = memory.word(words[random() % words.size()]);
      const auto honest = Atomics::load_relaxed(word);
      Atomics::store_relaxed(word, nasty_value(random, honest));
      for (auto looks = random() % 50; looks > 0; --looks) {
        ring::pause_core();
      }
      if (random() % 2 != 0) {
        Atomics::store_relaxed(word, honest);
      }
      ring::yield_core();
    }
  });
  work();
  done = true;
  attacker.join();
}

std::vector<std::size_t> reply_header_words() {
  std::vector<std::size_t> words;
  for (std::uint64_t slot = 0; slot < small.slots; ++slot) {
    for (std::size_t word = 0; word < 3; ++word) {
      words.push_back(reply_offset(small, slot) / 8 + word);
    }
  }
  return words;
}

} // namespace

// fault 20
TEST_CASE("lane: no single flipped bit of a reply makes a caller read outside the lane") {
  for (const std::uint64_t bytes : {std::uint64_t{24}, std::uint64_t{1'000}}) {
    std::array<int, 3> seen{}; // replied, bad_reply, pending
    for (std::size_t bit = 0; bit < 24 * 8; ++bit) {
      ExactLane lane;
      const auto started = lane.caller.start({.method = echo}, std::vector<std::byte>(bytes), Delivery::held, never);
      Request request;
      REQUIRE(lane.server.poll(request));
      serve(lane.server, request);
      lane.replies.word(reply_offset(small, 0) / 8 + bit / 64) ^= std::uint64_t{1} << bit % 64;
      const auto waited = lane.caller.wait(started.position, monotonic_now());
      switch (waited.status) {
      case WaitStatus::replied:
        CHECK(static_cast<std::uint32_t>(waited.reply.status) < call_status_count);
        CHECK(
            (lies_in(waited.reply.bytes, lane.replies.span()) || lies_in(waited.reply.bytes, lane.reply_arena.span())));
        CHECK(sum_of(waited.reply.bytes) == sum_of(waited.reply.bytes));
        ++seen[0];
        break;
      case WaitStatus::bad_reply: ++seen[1]; break;
      default:
        CHECK(waited.status == WaitStatus::timed_out);
        ++seen[2];
        break;
      }
      lane.caller.mark_dead();
    }
    MESSAGE(bytes, " bytes: ", seen[0], " flips accepted as another valid reply, ", seen[1], " bad_reply, ", seen[2],
            " pending");
    CHECK(seen[1] > 64);
  }
}

// fault 20
TEST_CASE("lane: requests that lie outside of the lane are refused one after the other, and the honest one behind them "
          "is taken") {
  struct Place {
    std::uint64_t payload;
    std::uint32_t bytes;
  };
  const Place outside[] = {{0, small.slot_bytes + 1}, {std::uint64_t{1} << 56, 1 << 15}, {0, ~0u}, {1, ~0u}};
  for (const auto& first : outside) {
    for (const auto& second : outside) {
      ExactLane lane;
      for (const auto& place : {first, second}) {
        const auto started = lane.caller.start({.method = echo}, {}, Delivery::held, never);
        auto& header =
            *reinterpret_cast<RequestHeader*>(lane.requests.span().data() + request_offset(small, started.position));
        header.payload = place.payload;
        header.payload_bytes = place.bytes;
      }
      const std::vector<std::byte> payload(1'000, std::byte{3});
      const auto honest = lane.caller.start({.method = echo}, payload, Delivery::held, never);
      Request request;
      REQUIRE(lane.server.poll(request));
      CHECK(request.position == honest.position);
      CHECK(std::equal(request.payload.begin(), request.payload.end(), payload.begin(), payload.end()));
      CHECK(lane.server.bad_requests() == 2);
      CHECK(lane.caller.wait(0, never).reply.status == CallStatus::bad_reply);
      CHECK(lane.caller.wait(1, never).reply.status == CallStatus::bad_reply);
      serve(lane.server, request);
    }
  }
}

// faults 20, 21
TEST_CASE("lane: a runner that scribbles over its replies costs bad or late replies, nothing else") {
  const auto seed = ringfleet::test::seed_or(11);
  MESSAGE("seed ", seed);
  std::uint64_t replied = 0;
  std::uint64_t bad = 0;
  std::uint64_t late = 0;
  std::uint64_t refused = 0;
  const auto rounds = ringfleet::test::rounds_or(300 / scale_down);
  auto words = reply_header_words();
  for (const auto word : {std::size_t{0}, std::size_t{1}, cache_line_pair_bytes / 8, progress_offset / 8,
                          progress_offset / 8 + 1, progress_offset / 8 + 2}) {
    words.push_back(word);
  }
  for (std::uint64_t round = 0; round < rounds || replied == 0 || bad + late + refused == 0; ++round) {
    ExactLane lane(round % 4 == 0 ? WaitMode::spin : WaitMode::park);
    ServerThread server(lane.server);
    under_attack(seed + round, lane.replies, words, [&] {
      std::vector<std::uint64_t> loose;
      for (std::uint64_t i = 0; i < 30; ++i) {
        const std::vector<std::byte> payload(i % 3 == 0 ? 500 : 24);
        const bool is_loose = i % 4 == 0;
        const auto started = lane.caller.start({.method = echo}, payload, is_loose ? Delivery::loose : Delivery::held,
                                               monotonic_now() + patience_ns);
        if (started.status != StartStatus::started) {
          ++refused;
          break;
        }
        if (is_loose) {
          loose.push_back(started.position);
          continue;
        }
        const auto waited = lane.caller.wait(started.position, monotonic_now() + patience_ns);
        if (waited.status == WaitStatus::replied) {
          CHECK(sum_of(waited.reply.bytes) < payload.size() * 256 + (1 << 22));
          lane.caller.release(started.position);
          ++replied;
        } else {
          late += waited.status == WaitStatus::timed_out;
          bad += waited.status != WaitStatus::timed_out;
          lane.caller.abandon(started.position);
        }
      }
      lane.caller.mark_dead();
      for (const auto position : loose) {
        const auto waited = lane.caller.collect(position, monotonic_now() + patience_ns);
        CHECK(waited.status != WaitStatus::taken);
        (void)sum_of(waited.reply.bytes);
        (void)lane.caller.fate(position);
      }
    });
  }
  MESSAGE(replied, " replied, ", bad, " bad, ", late, " late, ", refused, " lanes stuck or closed");
}

// fault 20
TEST_CASE("lane: a runner that stamps a reply and takes the stamp back keeps no caller past its deadline") {
  std::uint64_t full = 0;
  std::uint64_t started = 0;
  for (std::uint64_t round = 0; round < 100 / scale_down; ++round) {
    ExactLane lane(round % 2 == 0 ? WaitMode::spin : WaitMode::park);
    for (std::uint32_t slot = 0; slot < small.slots; ++slot) {
      (void)lane.caller.start({.method = echo}, {}, Delivery::loose, never);
    }
    auto& stamp = lane.replies.word(reply_offset(small, 0) / 8);
    std::atomic<bool> flipping = false;
    std::atomic<bool> done = false;
    std::thread flipper([&] {
      while (!done) {
        flipping = true;
        Atomics::store_relaxed(stamp, std::uint64_t{1});
        Atomics::store_relaxed(stamp, std::uint64_t{0});
      }
    });
    while (!flipping) {
      ring::yield_core();
    }
    const auto status = lane.caller.start({.method = echo}, {}, Delivery::loose, monotonic_now() + 100'000).status;
    done = true;
    flipper.join();
    CHECK((status == StartStatus::started || status == StartStatus::lane_full));
    ++(status == StartStatus::started ? started : full);
    lane.caller.mark_dead();
  }
  MESSAGE(started, " started over a reply that was taken back, ", full, " found the lane full");
}

TEST_CASE("lane: a runner's memory full of garbage is refused, whatever is asked of it") {
  const auto seed = ringfleet::test::seed_or(12);
  MESSAGE("seed ", seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 2'000 / static_cast<int>(scale_down); ++round) {
    ExactLane lane;
    std::vector<std::uint64_t> positions;
    for (int i = 0; i < 3; ++i) {
      positions.push_back(lane.caller.start({.method = echo}, {}, Delivery::held, never).position);
    }
    const bool open = random() % 2 != 0;
    for (std::size_t word = open ? 1 : 0; word < lane.replies.span().size() / 8; ++word) {
      lane.replies.word(word) = nasty_value(random, random() % 4);
    }
    for (const auto position : positions) {
      const auto waited = lane.caller.wait(position, monotonic_now());
      (void)sum_of(waited.reply.bytes);
      lane.caller.abandon(position);
    }
    (void)lane.caller.start({.method = echo}, {}, Delivery::held, monotonic_now());
    lane.caller.mark_dead();
    for (const auto position : positions) {
      (void)lane.caller.fate(position);
    }
  }
}

// fault 20, seen from the runner
TEST_CASE("lane: no single flipped bit of a request makes a runner read outside the lane") {
  for (const std::uint64_t bytes : {std::uint64_t{24}, std::uint64_t{1'000}}) {
    std::uint64_t refused = 0;
    for (std::size_t bit = 2 * 64; bit < 4 * 64; ++bit) { // payload word, method, length
      ExactLane lane;
      const auto started = lane.caller.start({.method = echo}, std::vector<std::byte>(bytes), Delivery::held, never);
      lane.requests.word(request_offset(small, 0) / 8 + bit / 64) ^= std::uint64_t{1} << bit % 64;
      Request request;
      if (lane.server.poll(request)) {
        CHECK((lies_in(request.payload, lane.requests.span()) || lies_in(request.payload, lane.request_arena.span())));
        CHECK(sum_of(request.payload) == 0);
      } else {
        ++refused;
        CHECK(lane.caller.wait(started.position, monotonic_now()).reply.status == CallStatus::bad_reply);
      }
      lane.caller.mark_dead();
    }
    CHECK(refused > 32);
  }
}

// faults 20, 21, seen from the runner
TEST_CASE("lane: a client that scribbles over its requests is answered or refused, and never read outside its lane") {
  const auto seed = ringfleet::test::seed_or(13);
  MESSAGE("seed ", seed);
  std::vector<std::size_t> words;
  for (std::uint64_t slot = 0; slot < small.slots; ++slot) {
    for (std::size_t word = 0; word < 6; ++word) {
      words.push_back(request_offset(small, slot) / 8 + word);
    }
    for (std::size_t word = 0; word < 3; ++word) {
      words.push_back(cold_offset(small, slot) / 8 + word);
    }
  }
  std::uint64_t served = 0;
  std::uint64_t refused = 0;
  for (std::uint64_t round = 0; round < ringfleet::test::rounds_or(300 / scale_down) || refused == 0; ++round) {
    ExactLane lane;
    // A client of its own making: it writes no more than stamps and random headers.
    under_attack(seed + round, lane.requests, words, [&] {
      std::uint64_t next = 0;
      for (int look = 0; look < 500; ++look) {
        Request request;
        if (!lane.server.poll(request)) {
          next = lane.server.protocol().next();
          Atomics::store_release(lane.requests.word(request_offset(small, next) / 8), next + 1);
          continue;
        }
        CHECK((lies_in(request.payload, lane.requests.span()) || lies_in(request.payload, lane.request_arena.span())));
        (void)sum_of(request.payload);
        lane.server.start(0, request.position, request.deadline);
        const auto buffer = lane.server.reply_buffer(request.position, request.payload.size());
        if (buffer.status == CallStatus::ok) {
          std::copy(request.payload.begin(), request.payload.end(), buffer.bytes.begin());
          lane.server.reply(request.position, CallStatus::ok, 0, static_cast<std::uint32_t>(request.payload.size()));
        } else {
          lane.server.reply(request.position, buffer.status);
        }
        lane.server.finish(0);
        ++served;
      }
      refused += lane.server.bad_requests();
    });
  }
  MESSAGE(served, " served, ", refused, " refused");
  CHECK(served > 0);
}
