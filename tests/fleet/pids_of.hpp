#pragma once

// Who serves a module: to see that nobody was replaced.

#include "ringfleet/fleet/fleet.hpp"

#include <set>
#include <string_view>

namespace ringfleet::test {

inline std::set<pid_t> pids_of(const Fleet& fleet, std::string_view module) {
  std::set<pid_t> pids;
  for (const ModuleStatus& status : fleet.status().modules) {
    for (const RunnerStatus& runner : status.runners) {
      if (status.id == module) {
        pids.insert(runner.pid);
      }
    }
  }
  return pids;
}

} // namespace ringfleet::test
