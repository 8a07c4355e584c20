// What 16 idle runners cost.
//
//   scheduler --+-- runner 1: echo, one lane to the scheduler's own client, idle
//   (this       |   …
//    process)   +-- runner 16
//
// Every runner has answered one call, so its lane is open and its code is paged in. `pss_bytes`: mean proportional set
// size of a runner (/proc/PID/smaps_rollup). `shared_bytes`: shared memory that exists for a runner; all of it is
// allocated when a segment is made, so the mapped size is the allocated one. `scheduler_descriptors`: descriptors that
// the scheduler holds for a runner, as the difference between 16 runners and one.

#include "floors/floors.hpp"
#include "harness/experiment.hpp"
#include "harness/payload.hpp"
#include "lane/echo_fleet.hpp"

#include "ringfleet/base/error.hpp"

#include <charconv>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <sys/types.h>

using namespace ringfleet;
using namespace ringfleet::bench;

namespace {

constexpr std::uint32_t runners_wanted = 16;

double pss_bytes_of(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/smaps_rollup", pid));
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("Pss:")) {
      return std::stod(line.substr(4)) * 1024;
    }
  }
  throw Error(ErrorCode::not_found, fmt::format("no Pss in /proc/{}/smaps_rollup", pid));
}

// Adds the memory files that `pid` has mapped, by inode, each with the bytes mapped of it.
void add_memory_files(pid_t pid, std::map<std::uint64_t, double>& bytes_by_inode) {
  std::map<std::uint64_t, double> here;
  std::ifstream file(fmt::format("/proc/{}/maps", pid));
  for (std::string line; std::getline(file, line);) {
    unsigned long long begin = 0;
    unsigned long long end = 0;
    unsigned long long inode = 0;
    if (line.find("/memfd:") != std::string::npos &&
        std::sscanf(line.c_str(), "%llx-%llx %*s %*s %*s %llu", &begin, &end, &inode) == 3) {
      here[inode] += static_cast<double>(end - begin);
    }
  }
  for (const auto& [inode, bytes] : here) {
    bytes_by_inode[inode] = std::max(bytes_by_inode[inode], bytes);
  }
}

double open_descriptors() {
  double count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    ++count;
  }
  return count;
}

struct Footprint {
  double pss_bytes = 0;
  double shared_bytes = 0;
  double descriptors = 0; // of this process
};

Footprint footprint_of(std::uint32_t runners) {
  Fleet fleet(echo_topology(runners, call::WaitMode::park), echo_fleet_options());
  const Method echo = fleet.method(echo_module, "echo");
  // As many calls at once as it takes for every runner to get some: the least busy one is chosen.
  Payload payload(64);
  std::vector<PendingCall> calls;
  for (std::uint32_t i = 0; i < runners * 4; ++i) {
    calls.push_back(echo.start(payload.next()));
  }
  for (PendingCall& call : calls) {
    if (const Reply reply = call.get(); !reply.ok()) {
      throw Error(ErrorCode::runner_failed, reply.error());
    }
  }
  Footprint footprint;
  std::map<std::uint64_t, double> bytes_by_inode;
  const FleetStatus status = fleet.status();
  for (const RunnerStatus& runner : status.modules.front().runners) {
    footprint.pss_bytes += pss_bytes_of(runner.pid) / runners;
    add_memory_files(runner.pid, bytes_by_inode);
  }
  for (const auto& [inode, bytes] : bytes_by_inode) {
    footprint.shared_bytes += bytes / runners;
  }
  footprint.descriptors = open_descriptors();
  return footprint;
}

Sample measure(const Slice&) {
  const Footprint one = footprint_of(1);
  const Footprint many = footprint_of(runners_wanted);
  Sample sample;
  sample.facts["pss_bytes"] = many.pss_bytes;
  sample.facts["shared_bytes"] = many.shared_bytes;
  sample.facts["scheduler_descriptors"] = (many.descriptors - one.descriptors) / (runners_wanted - 1);
  return sample;
}

} // namespace

int main(int argc, char** argv) {
  Options options = parse_options(argc, argv, 1);
  options.smoke = true; // sizes do not depend on how long one looks
  options.rounds = 1;
  // The floor only tells the mood of the machine; nothing here is a ratio.
  Experiment experiment("footprint", options,
                        options.client_core != options.server_core ? floor_bounce() : floor_memcpy(64));
  experiment.add({.name = "ours", .parameters = {{"runners", fmt::format("{}", runners_wanted)}}, .measure = measure});
  return experiment.run();
}
