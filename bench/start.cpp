// How long it takes to have 64 runners Ready.
//
//   scheduler --spawn--> runner 1 … 64: load the module, init, probe --Ready--> scheduler
//
// `ours` is the time from asking for the fleet to all 64 Ready, divided by 64, measured in the process of the
// scheduler. It contains everything a start contains: hashing and sealing the artifact, segments, handshakes, the
// module's init and its probe. `floor_spawn` is one empty program after the other.

#include "floors/floors.hpp"
#include "harness/experiment.hpp"
#include "harness/stopwatch.hpp"
#include "lane/echo_fleet.hpp"

#include "ringfleet/base/error.hpp"

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

using namespace ringfleet;
using namespace ringfleet::bench;

namespace {

Sample measure(std::uint32_t runners) {
  const Ticks begin = stamp();
  Fleet fleet(echo_topology(runners, call::WaitMode::park), echo_fleet_options());
  const double seconds = seconds_of(stamp() - begin);
  const FleetStatus status = fleet.status();
  const auto ready =
      std::count_if(status.modules.front().runners.begin(), status.modules.front().runners.end(),
                    [](const RunnerStatus& runner) { return runner.state == "ready" || runner.state == "Ready"; });
  if (ready != runners) {
    throw Error(ErrorCode::runner_failed, fmt::format("{} of {} runners are Ready", ready, runners));
  }
  Sample sample;
  sample.latency.record_ns(seconds / runners * 1e9);
  sample.ops_per_s = runners / seconds;
  return sample;
}

} // namespace

int main(int argc, char** argv) {
  const Options options = parse_options(argc, argv, 1);
  const std::uint32_t runners = options.smoke ? 4 : 64;
  Experiment experiment("start", options, floor_spawn(RINGFLEET_BENCH_EMPTY));
  experiment.add({.name = "ours",
                  .parameters = {{"runners", fmt::format("{}", runners)}},
                  .measure = [runners](const Slice&) { return measure(runners); }});
  if (options.client_core != options.server_core) {
    experiment.add(floor_bounce()); // the mood
  }
  experiment.add_ratio("ours", "floor_spawn", RatioKind::time);
  return experiment.run();
}
