// A null call: 64 bytes in, the same 64 bytes out, one call at a time.
//
//   client, core A                                server, core B
//   start()  --[request slot: stamp, 64 B]----->  poll()   start()   echo   reply()   finish()
//   wait()   <--[reply slot: stamp, 64 B]-------
//   verify, release()
//
// `ours`: both sides spin, over a lane of 16 slots of 64 bytes, whose lines stay in the first-level caches.
// `ours_default`: the same over the lane that a topology gets when it does not say otherwise. `ours_park`: both sides
// may sleep. `ours_fleet`: the same call through `Fleet`, that is with the choice of a runner, the deadline, the module
// ABI and the shipped echo module; both sides spin.

#include "floors/floors.hpp"
#include "harness/experiment.hpp"
#include "harness/trips.hpp"
#include "lane/echo_fleet.hpp"
#include "lane/echo_lane.hpp"
#include "lane/lane_trip.hpp"
#include "peers/peers.hpp"

#include <string>

using namespace ringfleet;
using namespace ringfleet::bench;

namespace {

constexpr std::size_t bytes = 64;

constexpr call::LaneShape small_lane{.slots = 16, .slot_bytes = 64};

Row over_a_lane(std::string name, const call::LaneShape& shape, call::WaitMode mode) {
  return {.name = std::move(name),
          .parameters = {{"bytes", std::to_string(bytes)},
                         {"slots", std::to_string(shape.slots)},
                         {"wait", mode == call::WaitMode::spin ? "spin" : "park"}},
          .measure = [shape, mode](const Slice& slice) {
            EchoLane lane(slice.server_core, shape, mode);
            pin_to(slice.client_core);
            Payload payload(bytes);
            Sample sample = time_trips(slice, [&] { trip_over(lane.caller(), payload); });
            lane.finish();
            return sample;
          }};
}

// The runner places itself: with two cores the kernel keeps two busy processes apart.
Row through_a_fleet() {
  return {.name = "ours_fleet",
          .parameters = {{"bytes", std::to_string(bytes)}, {"wait", "spin"}},
          .measure = [](const Slice& slice) {
            Fleet fleet(echo_topology(1, call::WaitMode::spin), echo_fleet_options());
            pin_to(slice.client_core);
            const Method echo = fleet.method(echo_module, "echo");
            Payload payload(bytes);
            return time_trips(slice, [&] {
              const Reply reply = echo.call(payload.next());
              if (!reply.ok()) {
                throw Error(ErrorCode::runner_failed, reply.error());
              }
              payload.verify(reply.bytes());
            });
          }};
}

} // namespace

int main(int argc, char** argv) {
  Experiment experiment("call_pingpong", parse_options(argc, argv, 2), floor_bounce());
  experiment.add(over_a_lane("ours", small_lane, call::WaitMode::spin));
  experiment.add(over_a_lane("ours_default", call::LaneShape{}, call::WaitMode::spin));
  experiment.add(through_a_fleet());
  experiment.add(over_a_lane("ours_park", small_lane, call::WaitMode::park));
  experiment.add(floor_futex());
  experiment.add(floor_memcpy(bytes));
  experiment.add(floor_dlsym(RINGFLEET_BENCH_PLAIN_ECHO, bytes));
  experiment.add(peer_boost_queue(bytes));
  experiment.add(peer_unix_socket(bytes));
  experiment.add(peer_pipe(bytes));
  experiment.add(peer_zeromq(bytes));
  experiment.add_ratio("ours", "floor_bounce", RatioKind::time);
  experiment.add_ratio("ours_default", "floor_bounce", RatioKind::time);
  experiment.add_ratio("ours_fleet", "floor_bounce", RatioKind::time);
  experiment.add_ratio("ours_park", "floor_futex", RatioKind::time);
  experiment.add_ratio("ours", "peer_boost_queue", RatioKind::time);
  experiment.add_ratio("ours", "peer_unix_socket", RatioKind::time);
  experiment.add_ratio("ours", "peer_pipe", RatioKind::time);
  experiment.add_ratio("ours", "peer_zeromq", RatioKind::time);
  return experiment.run();
}
