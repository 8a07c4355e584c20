#include "../os/forked_child.hpp"
#include "lane_fixture.hpp"

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::call;
using namespace ringfleet::call::test;

// trap 13
TEST_CASE("server_park: a runner sleeps on 126 lanes, and the 127th is refused by name") {
  std::list<Lane> lanes;
  const std::uint32_t control = 0;
  ServerPark park(control);
  for (std::uint32_t i = 0; i < limits::lanes_per_runner_max; ++i) {
    park.add(lanes.emplace_back(LaneShape{1, 64, 1}).server);
  }
  auto& one_more = lanes.emplace_back(LaneShape{1, 64, 1});
  std::string text;
  CHECK(ringfleet::test::error_of([&] { park.add(one_more.server); }, &text) == ErrorCode::limit_reached);
  CHECK(text.find("126") != std::string::npos);
  CHECK(park.lanes() == 126);

  // A request on the last of the 126 wakes a sleeper, and so it goes on with the others.
  park.wait(0, monotonic_now() + 1'000'000);
  auto& last = *std::next(lanes.begin(), 125);
  std::thread client([&] {
    const auto started = last.caller.start({.method = echo}, {}, Delivery::held, never);
    (void)last.caller.wait(started.position, never);
    last.caller.release(started.position);
  });
  Request request;
  while (!last.server.poll(request)) {
    park.wait(0, never);
  }
  serve(last.server, request);
  client.join();
  park.remove(last.server);
  park.add(one_more.server);
  CHECK(park.lanes() == 126);
}

TEST_CASE("server_park: a changed control word ends the sleep") {
  Lane lane({1, 64, 1});
  std::uint32_t control = 0;
  ServerPark park(control);
  park.add(lane.server);
  std::thread other([&] {
    Atomics::store_release(control, std::uint32_t{1});
    os::futex_wake(control, os::wake_all, false);
  });
  while (park.control_value() == 0) {
    park.wait(0, never);
  }
  other.join();
  CHECK(park.control_value() == 1);
}

TEST_CASE("server_park: a sleep ends at its deadline") {
  Lane lane({1, 64, 1});
  const std::uint32_t control = 0;
  ServerPark park(control);
  park.add(lane.server);
  const auto deadline = monotonic_now() + 2'000'000;
  while (monotonic_now() < deadline) {
    park.wait(0, deadline);
  }
  CHECK_FALSE(lane.server.has_request());
}

TEST_CASE("server_park: one lane that spins makes the runner spin, a closed lane is not watched") {
  Lane spinning({1, 64, 1}, WaitMode::spin);
  Lane closed({1, 64, 1});
  Lane open({1, 64, 1});
  const std::uint32_t control = 0;
  ServerPark park(control);
  for (auto* lane : {&spinning, &closed, &open}) {
    park.add(lane->server);
  }
  park.wait(0, monotonic_now() + 1'000'000);
  park.remove(spinning.server);
  closed.server.close();
  park.wait(0, monotonic_now() + 1'000'000);
  const auto started = open.caller.start({.method = echo}, {}, Delivery::held, never);
  CHECK(started.status == StartStatus::started);
  park.wait(0, never);
  CHECK(open.server.has_request());
}
