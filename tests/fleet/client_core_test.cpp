// How a client finds its modules, with a route and a scheduler of the test's own: what two threads of it do at the same
// moment, one inside the other.

#include "ringfleet/fleet/detail/client_core.hpp"
#include "ringfleet/fleet/route.hpp"

#include <array>
#include <chrono>
#include <utility>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::fleet;

namespace {

constexpr std::uint32_t number = 1;

memory::Segment route_segment() {
  return memory::Segment::heap({memory::SegmentKind::route, sizeof(RouteLayout), 1, route_fingerprint});
}
memory::Segment epoch_segment() {
  return memory::Segment::heap({memory::SegmentKind::epochs, sizeof(EpochLayout), 1, epoch_fingerprint});
}

} // namespace

TEST_CASE("client: two threads that find a module loaded again both have it, whoever learns it first") { // F9
  auto segment = route_segment();
  RouteWriter<> route(*reinterpret_cast<RouteLayout*>(segment.writable_body().data()));
  std::uint32_t generation = 6;
  ClientCore* core = nullptr;
  const std::array loaded_again{RouteModule{number, 7, Service::serving, {}}};
  auto other = CallStatus::ok;
  ClientCore::Control control;
  control.subscribe = [&](std::string_view) {
    if (generation == 6) {
      generation = 7;
      return ClientCore::Subscription{number, 6, {}};
    }
    if (other == CallStatus::ok) { // the second thread, while the first one asks
      other = CallStatus::no_runner;
      other = core->call("guest", "echo", {}, {std::chrono::milliseconds(1)}).status();
    }
    return ClientCore::Subscription{number, 7, {}};
  };
  ClientCore client(std::move(segment), epoch_segment(), std::move(control));
  core = &client;
  const Method echo = client.method("guest", "echo"); // of the module that is unloaded then
  route.publish(loaded_again);
  // It has no lanes here, so that what serves it is waited for in vain; but it is there.
  CHECK(echo.call("", {std::chrono::milliseconds(1)}).status() == CallStatus::no_runner);
  CHECK(other == CallStatus::no_runner);
}
