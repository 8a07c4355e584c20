#pragma once

// What a fleet says about itself: plain values, a consistent picture of one moment, as `status`, `show` and the report
// of a deploy hand them out.

#include <cstdint>
#include <string>
#include <vector>

#include <sys/types.h>

namespace ringfleet {

struct RunnerStatus {
  std::uint64_t serial = 0; // names one incarnation; never reused in the life of a fleet
  pid_t pid = 0;
  std::string state; // starting, ready, draining, stopping
  std::string version;
  std::uint64_t clients = 0; // lanes open
  std::uint64_t uptime_ns = 0;
};

struct ModuleStatus {
  std::string id;
  std::string state; // Loaded, Starting, Ready, Draining, Stopped, Failed
  std::string path;
  std::string version;
  std::string sha256;
  std::uint32_t instances = 0; // wanted
  std::vector<RunnerStatus> runners;
  std::uint64_t restarts = 0; // runners replaced after a death
  std::uint64_t reloads = 0;
  std::uint64_t reloads_failed = 0;
  std::string last_error; // empty: none so far
};

struct FleetStatus {
  std::string name;
  std::string directory;
  pid_t scheduler_pid = 0;
  std::string version; // of ringfleet
  std::uint64_t uptime_ns = 0;
  std::uint64_t clients = 0; // other processes that attached, and modules that call modules
  std::vector<ModuleStatus> modules;
};

struct MethodInfo {
  std::string name;
  std::uint32_t id = 0;
  bool idempotent = false;
  std::string description;
};

// What a module says of itself (ABI level 2), or what can be known of it (level 1: no names, no methods).
struct ModuleInfo {
  std::string id; // in the fleet
  int abi_level = 0;
  std::string name; // the module's own
  std::string version;
  std::string description;
  std::string path;
  std::string sha256;
  std::vector<std::string> dependencies;
  std::vector<MethodInfo> methods;
  std::vector<RunnerStatus> runners;
};

// The certificate of a deploy. A deploy that fails before the flip throws instead and has changed nothing.
// accepted = answered + cancelled, counted by the replaced runners over their lives.
struct DeployReport {
  std::string module;
  std::string from_version;
  std::string to_version;
  std::uint64_t accepted = 0;
  std::uint64_t answered = 0;
  std::uint64_t cancelled = 0; // ended by force at the drain deadline
  bool forced = false;         // the drain deadline passed
  std::uint64_t ready_ns = 0;  // from the request to candidates loaded, initialised and probed
  std::uint64_t flip_ns = 0;   // from the request to the route flip
  std::uint64_t drain_ns = 0;  // from the flip to the old runners empty
  std::uint64_t total_ns = 0;  // from the request to the old runners gone
};

} // namespace ringfleet
