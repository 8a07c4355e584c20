#include "harness/machine.hpp"

#include "commit.hpp"

#include <fstream>

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

namespace ringfleet::bench {
namespace {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  return std::getline(file, line) ? line : "unknown";
}

std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const auto colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) {
      return line.substr(colon + 2);
    }
  }
  return "unknown";
}

} // namespace

Machine describe_machine(const Options& options) {
  utsname system{};
  uname(&system);
  return {
      .cpu = cpu_model(),
      .cores = fmt::format("{} and {} of {}", options.client_core, options.server_core, sysconf(_SC_NPROCESSORS_ONLN)),
      .kernel = fmt::format("{} {} {}", system.sysname, system.release, system.machine),
      .governor =
          first_line(fmt::format("/sys/devices/system/cpu/cpu{}/cpufreq/scaling_governor", options.client_core)),
      .compiler = RINGFLEET_BENCH_COMPILER,
      .flags = RINGFLEET_BENCH_FLAGS,
      .commit = commit,
      .command = options.command,
  };
}

} // namespace ringfleet::bench
