#include "ringfleet/fleet/fleet.hpp"

#include "ringfleet/fleet/detail/scheduler.hpp"

namespace ringfleet {

Fleet::Fleet(fleet::Topology topology, FleetOptions options)
    : scheduler_(std::make_unique<fleet::Scheduler>(std::move(topology), std::move(options))) {}

Fleet::~Fleet() = default;

fleet::Topology Fleet::single(std::string module_id, std::string path) {
  fleet::Topology topology;
  fleet::ModuleSpec module;
  module.id = std::move(module_id);
  module.path = std::move(path);
  topology.modules.push_back(std::move(module));
  return topology;
}

Method Fleet::method(std::string_view module, std::string_view name) {
  return scheduler_->core().method(module, name);
}

Reply Fleet::call(std::string_view module, std::string_view method, std::span<const std::byte> args,
                  CallOptions options) {
  return scheduler_->core().call(module, method, args, options);
}

Reply Fleet::call(std::string_view module, std::string_view method, std::string_view args, CallOptions options) {
  return call(module, method, std::as_bytes(std::span(args)), options);
}

PendingCall Fleet::call_async(std::string_view module, std::string_view method, std::span<const std::byte> args,
                              CallOptions options) {
  return scheduler_->core().start(module, method, args, options);
}

void Fleet::load(fleet::ModuleSpec module) {
  scheduler_->load(std::move(module));
}
DeployReport Fleet::reload(std::string_view module, std::string_view path) {
  return scheduler_->reload(module, path);
}
void Fleet::unload(std::string_view module) {
  scheduler_->unload(module);
}
FleetStatus Fleet::status() const {
  return scheduler_->status();
}
ModuleInfo Fleet::show(std::string_view module) const {
  return scheduler_->show(module);
}
const std::string& Fleet::name() const noexcept {
  return scheduler_->name();
}
void Fleet::wait_for_stop() {
  scheduler_->wait_for_stop();
}
void Fleet::request_stop() noexcept {
  scheduler_->request_stop();
}

} // namespace ringfleet
