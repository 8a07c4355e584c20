#include "lane_fixture.hpp"

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::call;
using namespace ringfleet::call::test;

namespace {

MonotonicNs soon() {
  return monotonic_now() + 1'000'000;
}

} // namespace

TEST_CASE("lane: after the close nothing is taken, and every call learns on which side of it it is") {
  for (const std::uint64_t begin : {std::uint64_t{0}, std::uint64_t{1} << 32, (std::uint64_t{1} << 63) - 1}) {
    CAPTURE(begin);
    Lane lane({.slots = 8}, WaitMode::park, begin);
    std::array<std::uint64_t, 3> positions{};
    for (auto& position : positions) {
      const auto started = lane.caller.start({.method = echo}, {}, Delivery::held, never);
      REQUIRE(started.status == StartStatus::started);
      position = started.position;
    }
    Request request;
    REQUIRE(lane.server.poll(request));
    CHECK(lane.server.close() == positions[1]);
    CHECK_FALSE(lane.server.poll(request));
    CHECK_FALSE(lane.server.has_request());
    // The one that was taken is answered after the close, too; before that its caller waits on.
    CHECK_FALSE(lane.caller.never_executed(positions[0]));
    CHECK(lane.caller.wait(positions[0], soon()).status == WaitStatus::timed_out);
    serve(lane.server, request);
    CHECK(lane.caller.wait(positions[0], never).status == WaitStatus::replied);
    lane.caller.release(positions[0]);
    for (const auto position : {positions[1], positions[2]}) {
      CHECK(lane.caller.never_executed(position));
      CHECK(lane.caller.wait(position, never).status == WaitStatus::never_executed);
      lane.caller.abandon(position);
    }
    CHECK(lane.caller.start({.method = echo}, {}, Delivery::held, never).status == StartStatus::closed);
  }
}

TEST_CASE("lane: a stamp that no honest runner writes is a bad reply, not a call that is still pending") {
  for (const std::uint64_t laps : {std::uint64_t{1}, std::uint64_t{5}, ~std::uint64_t{0} / 16}) {
    CAPTURE(laps);
    Lane lane({.slots = 8});
    const auto started = lane.caller.start({.method = echo}, {}, Delivery::held, never);
    REQUIRE(started.status == StartStatus::started);
    auto& header = *reinterpret_cast<ReplyHeader*>(lane.memory.runner.writable_bytes().data() +
                                                   reply_offset(lane.shape, started.position));
    header.stamp = started.position + 1 + laps * lane.shape.slots;
    CHECK(lane.caller.wait(started.position, monotonic_now() + 10'000'000).status == WaitStatus::bad_reply);
    lane.caller.abandon(started.position);
  }
}
