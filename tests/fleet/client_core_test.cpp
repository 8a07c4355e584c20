// A client of a route, a scheduler and a runner that are the test's own: what two threads of it do at the same moment,
// one inside the other, and what it does with replies that no runner of ours writes.

#include "ringfleet/call/handshake.hpp"
#include "ringfleet/call/lane_segment.hpp"
#include "ringfleet/call/method_id.hpp"
#include "ringfleet/call/server_lane.hpp"
#include "ringfleet/fleet/detail/client_core.hpp"
#include "ringfleet/fleet/route.hpp"

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

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

// Runner 3 serves the module "m" over lane 1, which has one slot.
class OneSlot {
public:
  OneSlot() : client_(routed(), epoch_segment(), control()) {
    LaneOffer offer;
    offer.lane = 1;
    offer.runner = 3;
    offer.module = number;
    offer.shape = shape;
    offer.spin = true;
    offer.facts = facts();
    requests_ = memory::create_anonymous_segment(
        "requests", call::lane_segment_spec(memory::SegmentKind::requests, shape, offer.runner));
    auto replies = memory::create_anonymous_segment(
        "replies", call::lane_segment_spec(memory::SegmentKind::replies, shape, offer.runner));
    client_.lane_offered(offer, requests_.duplicate());
    replies_ = memory::Segment::attach_writer(
        replies.duplicate(), call::lane_segment_expectation(memory::SegmentKind::replies, shape), "replies");
    memory::seal_segment(replies, "replies");
    memory::seal_segment(requests_, "requests");
    seen_ = memory::Segment::attach_reader(
        requests_.duplicate(), call::lane_segment_expectation(memory::SegmentKind::requests, shape), "requests");
    server_.emplace(shape, replies_.writable_body(), seen_.body(), call::ServerLaneOptions{call::WaitMode::spin, {}});
    client_.lane_opened(offer.lane, std::move(replies));
  }

  [[nodiscard]] PendingCall start() { return client_.start("m", "again", {}, {std::chrono::seconds(60)}); }
  // Answers the call that is there; `bytes` is how long its reply says it is.
  void serve(std::uint32_t bytes) {
    call::Request request;
    REQUIRE(server_->poll(request));
    server_->start(0, request.position, request.deadline);
    auto* const reply = replies_.writable_body().data() + call::reply_offset(shape, request.position);
    server_->reply(request.position, CallStatus::ok, 0, 0);
    reinterpret_cast<call::ReplyHeader*>(reply)->payload_bytes = bytes;
    server_->finish(0);
  }
  [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }

private:
  static constexpr call::LaneShape shape{1, 64, 1};

  static memory::Segment routed() {
    auto segment = route_segment();
    const std::array modules{RouteModule{number, 0, Service::serving, {3}}};
    RouteWriter<>(*reinterpret_cast<RouteLayout*>(segment.writable_body().data())).publish(modules);
    return segment;
  }
  static std::string facts() {
    call::ModuleDescription module;
    module.abi = 2;
    module.id = "m";
    module.version = "1.0";
    module.methods = {{.name = "again", .id = call::method_id("again"), .idempotent = true, .description = {}}};
    return call::encode(module);
  }
  ClientCore::Control control() {
    ClientCore::Control control;
    control.subscribe = [](std::string_view) { return ClientCore::Subscription{number, 0, {}}; };
    control.violation = [this](std::uint64_t, std::string what) { violations_.push_back(std::move(what)); };
    return control;
  }

  std::vector<std::string> violations_;
  os::Descriptor requests_;
  memory::Segment replies_;
  memory::Segment seen_;
  std::optional<call::ServerLane> server_;
  ClientCore client_;
};

} // namespace

TEST_CASE("client: an impossible reply that a full lane has moved aside ends its own call, not the one in its slot") {
  OneSlot lane;
  auto first = lane.start();
  lane.serve(~0U);
  auto second = lane.start(); // in the slot of the first, whose reply nobody has looked at
  CHECK(first.get().status() == CallStatus::bad_reply);
  CHECK(lane.violations() == std::vector<std::string>{"an impossible reply to call 0 of lane 1"});
  lane.serve(0);
  REQUIRE(second.ready());
  CHECK(second.get().ok());
  auto third = lane.start();
  lane.serve(0);
  CHECK(third.get().ok());
}

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
