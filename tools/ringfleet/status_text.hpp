#pragma once

// What a fleet says about itself, as tables for people and as JSON for programs. The keys of the JSON are part of the
// interface: they are described in docs/cli.md and only ever added to.

#include "ringfleet/fleet/status.hpp"

#include <string>

namespace ringfleet::cli {

[[nodiscard]] std::string status_text(const FleetStatus& status, bool colours);
[[nodiscard]] std::string status_json(const FleetStatus& status);

[[nodiscard]] std::string module_text(const ModuleInfo& module, bool colours);
[[nodiscard]] std::string module_json(const ModuleInfo& module);

[[nodiscard]] std::string deploy_text(const DeployReport& report, bool colours);
[[nodiscard]] std::string deploy_json(const DeployReport& report);

} // namespace ringfleet::cli
