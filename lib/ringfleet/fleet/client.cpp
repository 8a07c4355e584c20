#include "ringfleet/fleet/client.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/fleet/detail/remote_scheduler.hpp"
#include "ringfleet/fleet/detail/status_json.hpp"

namespace ringfleet {

Client::Client(std::string_view fleet_name, Nanoseconds timeout)
    : remote_(std::make_unique<fleet::RemoteScheduler>(fleet_name, timeout)) {}

Client::~Client() = default;

Method Client::method(std::string_view module, std::string_view name) {
  return remote_->core().method(module, name);
}

Reply Client::call(std::string_view module, std::string_view method, std::span<const std::byte> args,
                   CallOptions options) {
  return remote_->core().call(module, method, args, options);
}

FleetStatus Client::status() {
  return fleet::fleet_status_from_json(
      remote_->ask(fleet::to_json(fleet::OperatorRequest{.op = "status"}), remote_->timeout()));
}

ModuleInfo Client::show(std::string_view module) {
  return fleet::module_info_from_json(remote_->ask(
      fleet::to_json(fleet::OperatorRequest{.op = "show", .module = std::string(module)}), remote_->timeout()));
}

DeployReport Client::reload(std::string_view module, std::string_view path) {
  return fleet::deploy_report_from_json(remote_->ask(
      fleet::to_json(fleet::OperatorRequest{.op = "reload", .module = std::string(module), .path = std::string(path)}),
      std::nullopt));
}

void Client::down() {
  try {
    fleet::check_answer(remote_->ask(fleet::to_json(fleet::OperatorRequest{.op = "down"}), std::nullopt));
  } catch (const Error& error) {
    // A scheduler that somebody else ends meanwhile is down, too.
    if (error.code() != ErrorCode::peer_died) {
      throw;
    }
  }
  remote_->wait_for_end();
}

} // namespace ringfleet
