// What the supervisor says of itself and of its modules.

#include "ringfleet/fleet/detail/supervisor.hpp"

#include "ringfleet/base/units.hpp"
#include "ringfleet/fleet/presence.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace ringfleet::fleet {

std::vector<ModuleStatus> Supervisor::status() const {
  const MonotonicNs now = monotonic_now();
  std::vector<ModuleStatus> all;
  for (const auto& [number, module] : modules_) {
    const policy::State state = module->state;
    ModuleStatus status;
    status.id = module->spec.id;
    status.state = policy::to_string(state);
    status.path = module->spec.path;
    status.sha256 = module->artifact->sha256();
    status.instances = static_cast<std::uint32_t>(module->places.size());
    status.restarts = module->restarts;
    status.reloads = module->reloads;
    status.reloads_failed = module->reloads_failed;
    status.last_error = module->last_error;
    if (!module->facts_text.empty()) {
      status.version = call::decode_module_description(module->facts_text).version;
    }
    for (const auto& [serial, its] : runners_) {
      if (its->spec().number == number) {
        status.runners.push_back({serial, its->pid(), std::string(to_string(its->state())), its->facts().version,
                                  broker_.lanes_of(*its), now - its->started_at()});
      }
    }
    all.push_back(std::move(status));
  }
  return all;
}

ModuleInfo Supervisor::show(std::string_view id) const {
  const Module& module = find(id);
  ModuleInfo info;
  info.id = module.spec.id;
  info.path = module.spec.path;
  info.sha256 = module.artifact->sha256();
  if (!module.facts_text.empty()) {
    const auto facts = call::decode_module_description(module.facts_text);
    info.abi_level = static_cast<int>(facts.abi);
    info.name = facts.name;
    info.version = facts.version;
    info.description = facts.description;
    for (const auto& dependency : facts.dependencies) {
      info.dependencies.push_back(dependency.id);
    }
    for (const auto& method : facts.methods) {
      info.methods.push_back({method.name, method.id, method.idempotent, method.description});
    }
  }
  for (ModuleStatus& status : this->status()) {
    if (status.id == id) {
      info.runners = std::move(status.runners);
    }
  }
  return info;
}

std::string Supervisor::why_unserved(std::string_view id) const {
  const Module& module = find(id);
  bool crash_loop = false;
  bool starting = false;
  MonotonicNs next_start = never;
  for (const Place& place : module.places) {
    const Runner* its = runner(place.runner);
    if (its != nullptr && its->state() == RunnerState::ready) {
      return fmt::format("a runner is ready, but this program had no lane to it in time{}{} (call again)",
                         module.last_error.empty() ? "" : "; last: ", module.last_error);
    }
    crash_loop |= place.crash_loop;
    starting |= its != nullptr;
    next_start = std::min(next_start, place.restart_at);
  }
  std::string text = crash_loop                   ? fmt::format("it crashes in a loop, last: {}", module.last_death)
                     : !module.last_death.empty() ? fmt::format("it is being restarted, last: {}", module.last_death)
                                                  : std::string("it is being started");
  const MonotonicNs now = monotonic_now();
  if (starting) {
    text += "; a start is under way";
  } else if (next_start != never) {
    const auto wait = Nanoseconds(static_cast<std::int64_t>(next_start > now ? next_start - now : 0));
    text += fmt::format("; the next start is in {}", format_duration(wait));
  }
  return text + (is_private(options_.fleet_name)
                     ? std::string(" (reload it with a version that works)")
                     : fmt::format(" ('ringfleet reload {} PATH' puts in a version that works, 'ringfleet status' "
                                   "shows more)",
                                   module.spec.id));
}

std::size_t Supervisor::runners_ready() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(runners_, [](const auto& item) { return item.second->state() == RunnerState::ready; }));
}

std::string Supervisor::path_of(std::string_view id) const {
  return find(id).spec.path;
}

} // namespace ringfleet::fleet
