#pragma once

// The topology: what a fleet consists of, as values, and the file that says so (TOML; every key is described in
// docs/topology.md). Reading is strict: an unknown key, a wrong type, a number without its unit or a value out of range
// is an error, and all errors of a file are reported at once, each with its line. Everything here is plain data;
// nothing is started, and a module file is looked for but not opened.

#include "ringfleet/base/clock.hpp"
#include "ringfleet/base/error.hpp"
#include "ringfleet/base/limits.hpp"
#include "ringfleet/call/wait_mode.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ringfleet::fleet {

struct FleetSpec {
  std::string name;                                  // empty: a private one is made up
  std::string orphans = "stop";                      // what runners do when the scheduler dies
  Nanoseconds drain_timeout = limits::drain_timeout; // of stopping the fleet, and of modules without their own
  Nanoseconds stop_timeout = limits::stop_timeout;   // a runner's orderly shutdown; then SIGTERM, then SIGKILL
};

struct ModuleSpec {
  std::string id;
  std::string path; // from a file: the resolved path, or the `sha256:…` reference as written
  std::uint32_t instances = 1;
  std::uint32_t ranks = 1;
  std::string config = "{}"; // JSON, handed to init
  Nanoseconds call_timeout = limits::call_timeout;
  Nanoseconds start_timeout = limits::start_timeout;
  Nanoseconds drain_timeout = limits::drain_timeout;
  std::uint32_t slots = limits::lane_slots_default;
  std::uint32_t slot_bytes = limits::slot_bytes_default;
  call::WaitMode wait = call::WaitMode::park;
  std::uint64_t memory_limit_bytes = 0; // of a runner, beside its lanes. 0: none but the scheduler's own
  std::uint32_t descriptor_limit = 0;   // open files of a runner. 0: as many as the scheduler may have
};

struct Topology {
  FleetSpec fleet;
  std::vector<ModuleSpec> modules;
  std::string directory; // of the file; module references are resolved against it. Empty: the working directory
};

struct TopologyProblem {
  std::uint32_t line = 0; // from 1; 0 when the problem is not at one place
  std::uint32_t column = 0;
  std::string key;      // "module.slots"; empty when the text is not even TOML
  std::string problem;  // "256.5 is not an integer"
  std::string expected; // "a power of two from 1 to 65536, for example 256"; may be empty
};

// All problems of a topology file, in the order of their lines. The text has one line for each:
// `file:line:column: key: problem (expected …)`.
class TopologyError : public Error {
public:
  TopologyError(std::string_view file, std::vector<TopologyProblem> problems);

  [[nodiscard]] const std::vector<TopologyProblem>& problems() const noexcept { return problems_; }

private:
  std::vector<TopologyProblem> problems_;
};

// Any thread; reads files. `file` names the text in errors, and its directory is where relative module paths start.
// Throws TopologyError.
[[nodiscard]] Topology parse_topology(std::string_view text, const std::string& file);

// The same for a file. Throws Error(not_found, no_permission, …) when it cannot be read.
[[nodiscard]] Topology load_topology(const std::string& path);

// The rules of the file for values that a program filled in: names, ranges, powers of two, duplicate ids, orphans,
// ranks, JSON of config. Throws Error(invalid_argument) naming the first offence. Does not look for files.
void check(const FleetSpec& fleet);
void check(const ModuleSpec& module);
void check(const Topology& topology);

} // namespace ringfleet::fleet
