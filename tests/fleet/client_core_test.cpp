// A client of a route, a scheduler and a runner that are the test's own: what two threads of it do at the same moment,
// one inside the other, and what it does with replies that no runner of ours writes.

#include "ringfleet/base/limits.hpp"
#include "ringfleet/call/handshake.hpp"
#include "ringfleet/call/lane_segment.hpp"
#include "ringfleet/call/method_id.hpp"
#include "ringfleet/call/server_lane.hpp"
#include "ringfleet/fleet/detail/client_core.hpp"
#include "ringfleet/fleet/route.hpp"

#include <array>
#include <chrono>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
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
  // The client has been offered lanes to runners of so many other versions before.
  explicit OneSlot(std::size_t versions_before = 0) : client_(routed(), epoch_segment(), control()) {
    LaneOffer offer;
    offer.runner = runner;
    offer.module = number;
    offer.shape = shape;
    offer.spin = true;
    const auto requests = [&] {
      return memory::create_anonymous_segment(
          "requests", call::lane_segment_spec(memory::SegmentKind::requests, shape, offer.runner));
    };
    for (offer.lane = 2; offer.lane < 2 + versions_before; ++offer.lane) {
      offer.facts = facts("0." + std::to_string(offer.lane));
      client_.lane_offered(offer, requests());
      client_.lane_refused(offer.lane);
    }
    offer.lane = 1;
    offer.facts = facts("1.0");
    requests_ = requests();
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
  [[nodiscard]] ClientCore& client() { return client_; }
  [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }

  static constexpr std::uint64_t runner = 3;

private:
  static constexpr call::LaneShape shape{1, 64, 1};

  static memory::Segment routed() {
    auto segment = route_segment();
    const std::array modules{RouteModule{number, 0, Service::serving, {runner}}};
    RouteWriter<>(*reinterpret_cast<RouteLayout*>(segment.writable_body().data())).publish(modules);
    return segment;
  }
  static std::string facts(std::string version) {
    call::ModuleDescription module;
    module.abi = 2;
    module.id = "m";
    module.version = std::move(version);
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

std::size_t mappings_of(std::string_view label) {
  std::ifstream maps("/proc/self/maps");
  std::size_t count = 0;
  for (std::string line; std::getline(maps, line);) {
    count += line.find(label) != std::string::npos;
  }
  return count;
}

} // namespace

TEST_CASE("client: the lane of a dead runner goes with the last reply that lies in it, without further news") {
  OneSlot lane;
  auto call = lane.start();
  lane.serve(0);
  Reply reply = call.get();
  REQUIRE(reply.ok());
  ClientCore& client = lane.client();
  CHECK(client.next_look() == never);
  const auto mappings = mappings_of("memfd:requests");
  client.runner_died(OneSlot::runner, "killed");
  Nanoseconds pause{};
  for (int look = 0; look < 20; ++look) {
    const MonotonicNs next = client.next_look();
    REQUIRE(next != never);
    client.look_again(next - 1); // not yet
    CHECK(client.next_look() == next);
    client.look_again(next);
    pause = Nanoseconds(static_cast<std::int64_t>(client.next_look() - next));
  }
  CHECK(pause == std::chrono::seconds(1)); // by and by more rarely
  CHECK(mappings_of("memfd:requests") == mappings);
  reply.release();
  client.look_again(client.next_look());
  CHECK(client.next_look() == never);
  CHECK(mappings_of("memfd:requests") == mappings - 1);
}

TEST_CASE("client: the names of versions that it keeps are bounded; those it has no room for are unknown") {
  for (const bool full : {false, true}) {
    OneSlot lane(limits::client_versions_max - (full ? 0 : 1));
    auto call = lane.start();
    lane.serve(0);
    CHECK(call.get().version() == (full ? "unknown" : "1.0"));
  }
}

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
