#include "../interrupted_atomics.hpp"
#include "lane_fixture.hpp"
#include "ringfleet/call/caller_lane_impl.hpp"
#include "ringfleet/call/server_lane_impl.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <vector>

using namespace ringfleet;
using namespace ringfleet::call;
using namespace ringfleet::call::test;
using ringfleet::test::InterruptedAtomics;

// What happens between two looks at the same word, forced.

namespace {

constexpr LaneShape small{4, 64, 1};

struct Memory : LaneMemory {
  Memory() : LaneMemory(small) {}

  std::uint64_t& reply_stamp(std::uint64_t position) {
    return reinterpret_cast<ReplyHeader*>(runner.writable_bytes().data() + reply_offset(small, position))->stamp;
  }
  std::uint64_t& released(std::uint64_t position) {
    return reinterpret_cast<ColdLine*>(client.writable_bytes().data() + cold_offset(small, position))->released;
  }
  std::uint64_t& closed() { return reinterpret_cast<LaneControl*>(runner.writable_bytes().data())->closed; }
};

// A client that is interrupted, and an honest runner.
struct InterruptedClient {
  Memory memory;
  ServerLane server{small, memory.runner.writable_bytes(), memory.client.bytes(), {WaitMode::park, {}}};
  BasicCallerLane<InterruptedAtomics> caller{
      small, memory.client.writable_bytes(), memory.runner.bytes(), {WaitMode::park, nullptr, {}}};

  std::uint64_t start() {
    const auto started = caller.start({.method = echo}, {}, Delivery::held, never);
    REQUIRE(started.status == StartStatus::started);
    return started.position;
  }
  void serve_one() {
    Request request;
    REQUIRE(server.poll(request));
    serve(server, request);
  }
};

void claim_and_publish(LaneCaller<InterruptedAtomics>& caller, bool loose) {
  const auto claim = caller.try_claim();
  REQUIRE(claim.kind == ClaimKind::claimed);
  caller.fill(claim.position, {.method = echo}, {});
  caller.publish(claim.position, loose);
}

} // namespace

TEST_CASE("lane: a stamp that its runner takes back while it is looked at is a reply that has not come") {
  InterruptedClient lane;
  const auto position = lane.start();
  auto& stamp = lane.memory.reply_stamp(position);
  lane.serve_one();
  InterruptedAtomics::before(&stamp, 2, [&] { stamp = 0; });
  CHECK(lane.caller.wait(position, 0).status == WaitStatus::timed_out);
  CHECK(InterruptedAtomics::left() == 0);
  stamp = position + 1;
  CHECK(lane.caller.wait(position, 0).status == WaitStatus::replied);
  lane.caller.release(position);
}

TEST_CASE("lane: a caller that was woken for a stamp which is taken back waits on") {
  InterruptedClient lane;
  const auto position = lane.start();
  auto& stamp = lane.memory.reply_stamp(position);
  // Its last look before it would sleep has just found nothing.
  InterruptedAtomics::before(&lane.memory.closed(), 2, [&] {
    lane.serve_one();
    InterruptedAtomics::before(&stamp, 2, [&] {
      stamp = 0;
      InterruptedAtomics::before(&stamp, 1, [&] { stamp = position + 1; });
    });
  });
  CHECK(lane.caller.wait(position, never).status == WaitStatus::replied);
  CHECK(InterruptedAtomics::left() == 0);
  lane.caller.release(position);
}

TEST_CASE("lane: whoever looks for the end of a lane finds it although others go on by more than a lap meanwhile") {
  Memory memory;
  LaneCaller<InterruptedAtomics> caller(small, memory.client.writable_bytes(), memory.runner.bytes());
  LaneServer<> server(small, memory.runner.writable_bytes(), memory.client.bytes());
  // Between the look at the hint and the look at its slot.
  InterruptedAtomics::before_access(2, [&] {
    for (std::uint64_t position = 0; position < small.slots; ++position) {
      claim_and_publish(caller, false);
      (void)caller.release(position);
    }
    claim_and_publish(caller, true);
  });
  std::vector<std::uint64_t> loose;
  const auto look = [&](std::uint64_t position) { loose.push_back(position); };
  caller.for_each_loose(look);
  CHECK(loose == std::vector<std::uint64_t>{small.slots});
  // By one call that is over already.
  InterruptedAtomics::before_access(2, [&] {
    claim_and_publish(caller, false);
    (void)caller.release(small.slots + 1);
  });
  caller.for_each_loose(look);
  CHECK(loose == std::vector<std::uint64_t>{small.slots, small.slots});
  CHECK(InterruptedAtomics::left() == 0);
}

TEST_CASE("lane: of two that want the block of a call that was given up one gets it, once its reply is there") {
  Memory memory;
  LaneCaller<InterruptedAtomics> caller(small, memory.client.writable_bytes(), memory.runner.bytes());
  LaneServer<> server(small, memory.runner.writable_bytes(), memory.client.bytes());
  for (std::uint64_t position = 0; position < small.slots; ++position) {
    claim_and_publish(caller, false);
  }
  caller.abandon(0);
  std::vector<std::uint64_t> late;
  const auto take = [&](std::uint64_t position) { late.push_back(position); };
  caller.take_late(take);
  CHECK(late.empty()); // the runner may still be reading
  server.publish_reply(0, CallStatus::ok, 0, 0);
  InterruptedAtomics::before_exchange(1, [&] { CHECK(caller.try_claim().kind == ClaimKind::late); });
  caller.take_late(take);
  CHECK(InterruptedAtomics::left() == 0);
  CHECK(late.empty());
  caller.abandon(1);
  server.publish_reply(1, CallStatus::ok, 0, 0);
  caller.take_late(take);
  CHECK(late == std::vector<std::uint64_t>{1});
}

TEST_CASE("lane: a runner makes no arena when a block comes back while it waits for its turn to make one") {
  Memory memory;
  CallerLane caller(small, memory.client.writable_bytes(), memory.runner.bytes(), {WaitMode::park, nullptr, {}});
  std::vector<os::Mapping> arenas;
  arenas.reserve(2);
  std::function<bool(std::uint64_t)> make_arena;
  BasicServerLane<InterruptedAtomics> server(small, memory.runner.writable_bytes(), memory.client.bytes(),
                                             {WaitMode::park, [&](std::uint64_t bytes) { return make_arena(bytes); }});
  make_arena = [&](std::uint64_t) {
    auto& arena = arenas.emplace_back(os::Mapping::heap(16'384));
    return caller.open_reply_arena(server.next_arena_number(), arena.bytes()) &&
           server.add_arena(arena.writable_bytes()) != 0;
  };
  constexpr std::uint64_t most_of_it = 12'000;
  std::vector<std::uint64_t> positions;
  Request request;
  const auto take_request = [&] {
    positions.push_back(caller.start({.method = echo}, {}, Delivery::held, never).position);
    REQUIRE(server.poll(request));
  };
  take_request();
  REQUIRE(server.reply_buffer(positions[0], most_of_it).status == CallStatus::ok);
  CHECK(arenas.size() == 1);
  server.reply(positions[0], CallStatus::ok, 0, most_of_it);
  REQUIRE(caller.wait(positions[0], never).reply.bytes.size() == most_of_it);
  take_request();
  InterruptedAtomics::before(&memory.released(positions[0]), 2, [&] { caller.release(positions[0]); });
  CHECK(server.reply_buffer(positions[1], most_of_it).status == CallStatus::ok);
  CHECK(InterruptedAtomics::left() == 0);
  CHECK(arenas.size() == 1);
  take_request();
  CHECK(server.reply_buffer(positions[2], most_of_it).status == CallStatus::ok);
  CHECK(arenas.size() == 2);
}
