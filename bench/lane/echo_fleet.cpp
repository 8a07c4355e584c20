#include "lane/echo_fleet.hpp"

namespace ringfleet::bench {

fleet::Topology echo_topology(std::uint32_t runners, call::WaitMode mode) {
  fleet::Topology topology = Fleet::single(echo_module, RINGFLEET_BENCH_ECHO);
  topology.modules.front().instances = runners;
  topology.modules.front().wait = mode;
  return topology;
}

FleetOptions echo_fleet_options() {
  FleetOptions options;
  options.runner_path = RINGFLEET_BENCH_RUNNER;
  return options;
}

} // namespace ringfleet::bench
