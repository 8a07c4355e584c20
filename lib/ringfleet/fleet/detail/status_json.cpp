#include "ringfleet/fleet/detail/status_json.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace ringfleet {

// In the namespace of the types, where the library looks for conversions.
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(RunnerStatus, serial, pid, state, version, clients, uptime_ns)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ModuleStatus, id, state, path, version, sha256, instances, runners, restarts,
                                   reloads, reloads_failed, last_error)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(FleetStatus, name, directory, scheduler_pid, version, uptime_ns, clients, modules)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(MethodInfo, name, id, idempotent, description)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ModuleInfo, id, abi_level, name, version, description, path, sha256, dependencies,
                                   methods, runners)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(DeployReport, module, from_version, to_version, accepted, answered, cancelled,
                                   forced, ready_ns, flip_ns, drain_ns, total_ns)

namespace fleet {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Unserved, why)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(OperatorRequest, op, module, path, version)

namespace {

// Text that a module chose may be no UTF-8: such bytes are replaced, never a reason to fail.
std::string dump(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

nlohmann::json parse(std::string_view text) {
  nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) {
    throw Error(ErrorCode::bad_message, "a control message is not a JSON object");
  }
  return json;
}

template <typename T>
T read(std::string_view text) {
  const nlohmann::json json = parse(text);
  try {
    if (const auto failure = json.find("error"); failure != json.end() && failure->is_object()) {
      throw Error(static_cast<ErrorCode>(failure->value("code", 0U)), failure->value("what", std::string("unknown")),
                  failure->value("advice", std::string()), failure->value("errno", 0));
    }
    return json.get<T>();
  } catch (const nlohmann::json::exception& exception) {
    throw Error(ErrorCode::bad_message, fmt::format("read a control message: {}", exception.what()));
  }
}

} // namespace

std::string to_json(const FleetStatus& status) {
  return dump(status);
}
std::string to_json(const ModuleInfo& info) {
  return dump(info);
}
std::string to_json(const DeployReport& report) {
  return dump(report);
}
std::string to_json(const Unserved& unserved) {
  return dump(unserved);
}
std::string to_json(const OperatorRequest& request) {
  return dump(request);
}

std::string to_json(const Error& error) {
  return dump({{"error",
                {{"code", static_cast<std::uint32_t>(error.code())},
                 {"name", to_string(error.code())},
                 {"what", error.operation()},
                 {"advice", error.advice()},
                 {"errno", error.errno_value()}}}});
}

FleetStatus fleet_status_from_json(std::string_view json) {
  return read<FleetStatus>(json);
}
ModuleInfo module_info_from_json(std::string_view json) {
  return read<ModuleInfo>(json);
}
DeployReport deploy_report_from_json(std::string_view json) {
  return read<DeployReport>(json);
}
Unserved unserved_from_json(std::string_view json) {
  return read<Unserved>(json);
}
OperatorRequest operator_request_from_json(std::string_view json) {
  return read<OperatorRequest>(json);
}
void check_answer(std::string_view json) {
  (void)read<nlohmann::json>(json);
}

} // namespace fleet
} // namespace ringfleet
