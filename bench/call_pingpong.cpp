#include "floors/floors.hpp"
#include "harness/experiment.hpp"
#include "peers/peers.hpp"

using namespace ringfleet::bench;

int main(int argc, char** argv) {
  constexpr std::size_t bytes = 64;
  Experiment experiment("call_pingpong", parse_options(argc, argv, 2), floor_bounce());
  experiment.add(floor_futex());
  experiment.add(floor_memcpy(bytes));
  experiment.add(floor_dlsym(RINGFLEET_BENCH_PLAIN_ECHO, bytes));
  experiment.add(peer_boost_queue(bytes));
  experiment.add(peer_unix_socket(bytes));
  experiment.add(peer_pipe(bytes));
  experiment.add(floor_spawn(RINGFLEET_BENCH_EMPTY));
  experiment.add_ratio("floor_futex", "floor_bounce", RatioKind::time);
  return experiment.run();
}
