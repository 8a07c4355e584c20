#pragma once

// Status values as JSON text and back: what travels between an operator and the scheduler, and what `-o json` prints.
// Strict when reading: a missing field is Error(bad_message).

#include "ringfleet/base/error.hpp"
#include "ringfleet/base/version.hpp"
#include "ringfleet/fleet/status.hpp"

#include <string>
#include <string_view>

namespace ringfleet::fleet {

[[nodiscard]] std::string to_json(const FleetStatus& status);
[[nodiscard]] std::string to_json(const ModuleInfo& info);
[[nodiscard]] std::string to_json(const DeployReport& report);
[[nodiscard]] std::string to_json(const Error& error);

// An answer of the scheduler. Throws the error it carries, if it carries one, under its own code.
[[nodiscard]] FleetStatus fleet_status_from_json(std::string_view json);
[[nodiscard]] ModuleInfo module_info_from_json(std::string_view json);
[[nodiscard]] DeployReport deploy_report_from_json(std::string_view json);
void check_answer(std::string_view json);

struct Unserved {
  std::string why;
};
[[nodiscard]] std::string to_json(const Unserved& unserved);
[[nodiscard]] Unserved unserved_from_json(std::string_view json);

struct OperatorRequest {
  std::string op; // status, show, why_unserved, reload, down
  std::string module = {};
  std::string path = {};
  std::string version = ringfleet::version; // of the asking program
};
[[nodiscard]] std::string to_json(const OperatorRequest& request);
[[nodiscard]] OperatorRequest operator_request_from_json(std::string_view json);

} // namespace ringfleet::fleet
