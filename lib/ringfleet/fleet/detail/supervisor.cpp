#include "ringfleet/fleet/detail/supervisor.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/base/limits.hpp"
#include "ringfleet/counter/counter_writer.hpp"
#include "ringfleet/fleet/detail/channel_link.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace ringfleet::fleet {

Supervisor::Supervisor(SupervisorOptions options, EventLoop& loop, RouteLayout& route)
    : options_(std::move(options)), loop_(loop), route_(route), broker_([this] { lanes_changed(); }),
      own_time_(supervision_tick), random_(std::random_device{}()) {
  tick_at_ = deadline_after(monotonic_now(), supervision_tick);
}

Supervisor::~Supervisor() = default;

// ---- modules

Supervisor::Module& Supervisor::find(std::string_view id) {
  return const_cast<Module&>(std::as_const(*this).find(id));
}

const Supervisor::Module& Supervisor::find(std::string_view id) const {
  std::string known;
  for (const auto& [number, module] : modules_) {
    if (module->spec.id == id) {
      return *module;
    }
    known += fmt::format("{}'{}'", known.empty() ? "" : ", ", module->spec.id);
  }
  throw Error(ErrorCode::not_found, fmt::format("fleet '{}' has no module '{}'", options_.fleet_name, id),
              known.empty() ? "it has no modules at all" : fmt::format("it has {}", known));
}

void Supervisor::add_module(ModuleSpec spec, std::shared_ptr<const Artifact> artifact, Done done) {
  for (const auto& [number, module] : modules_) {
    if (module->spec.id == spec.id) {
      throw Error(ErrorCode::already_exists,
                  fmt::format("load module '{}': fleet '{}' has one of this name", spec.id, options_.fleet_name),
                  "reload it to replace its code, or choose another id");
    }
  }
  std::uint32_t number = 1;
  while (modules_.contains(number)) {
    ++number;
  }
  if (number > limits::modules_max || runners_.size() + spec.instances > limits::runners_max) {
    throw Error(ErrorCode::limit_reached,
                fmt::format("load module '{}': the fleet has {} modules and {} runners", spec.id, modules_.size(),
                            runners_.size()),
                fmt::format("at most {} modules and {} runners", limits::modules_max, limits::runners_max));
  }
  auto owned = std::make_unique<Module>();
  Module& module = *owned;
  module.spec = std::move(spec);
  module.number = number;
  module.generation = next_generation_++ & generation_mask;
  module.artifact = std::move(artifact);
  module.on_started = std::move(done);
  policy::RestartRules rules;
  rules.budget = !options_.unlimited_restarts;
  module.places.resize(module.spec.instances, Place{0, policy::RestartMachine(rules), never, false});
  modules_.emplace(number, std::move(owned));
  move(module, policy::Event::start);
  try {
    for (Place& place : module.places) {
      place.runner = start_runner(module, module.artifact);
    }
  } catch (const Error& error) {
    fail_start(module, error.what());
    return;
  }
  publish_route();
}

std::uint64_t Supervisor::start_runner(Module& module, std::shared_ptr<const Artifact> artifact) {
  RunnerSpec spec;
  spec.serial = next_serial_++;
  spec.program = options_.runner_path;
  spec.module = module.spec.id;
  spec.number = module.number;
  spec.config = module.spec.config;
  spec.memory_limit_bytes = module.spec.memory_limit_bytes;
  spec.descriptor_limit = module.spec.descriptor_limit;
  spec.artifact = std::move(artifact);
  spec.start_timeout = module.spec.start_timeout;
  spec.stop_timeout = options_.stop_timeout;
  spec.counter_path = counter::counter_path(options_.directory, "runner", spec.serial);
  spec.fleet_name = options_.fleet_name;
  const std::uint64_t serial = spec.serial;
  auto runner = std::make_unique<Runner>(std::move(spec), loop_, *this);
  ++totals_.started;
  runners_.emplace(serial, std::move(runner));
  return serial;
}

void Supervisor::move(Module& module, policy::Event event_kind) {
  if (const auto next = policy::transition(module.state, event_kind)) {
    module.state = *next;
    event(fmt::format("module {} {}", module.spec.id, policy::to_string(*next)));
  }
}

// The module could not be started for the first time: everything of it goes away, the caller is told why.
void Supervisor::fail_start(Module& module, const std::string& why) {
  const Error error(ErrorCode::runner_failed, fmt::format("start module '{}': {}", module.spec.id, why),
                    fmt::format("its file is '{}'", module.spec.path));
  auto done = std::exchange(module.on_started, nullptr);
  move(module, policy::Event::fail);
  erase(module);
  publish_route();
  if (done) {
    done(error);
  }
}

// Forgets a module; what still runs of it is killed.
void Supervisor::erase(Module& module) {
  for (auto& [serial, runner] : runners_) {
    if (runner->spec().number == module.number) {
      runner->end_by_force("killed: its module was taken out of the fleet");
    }
  }
  for (ClientLink* client : clients_) {
    client->subscriptions.erase(module.number);
  }
  modules_.erase(module.number);
}

Supervisor::Module* Supervisor::module_of(const Runner& runner) {
  const auto found = modules_.find(runner.spec().number);
  return found == modules_.end() ? nullptr : found->second.get();
}

Runner* Supervisor::runner(std::uint64_t serial) const {
  const auto found = runners_.find(serial);
  return found == runners_.end() ? nullptr : found->second.get();
}

Supervisor::Place* Supervisor::place_of(Module& module, const Runner& runner) {
  const auto found = std::ranges::find(module.places, runner.serial(), &Place::runner);
  return found == module.places.end() ? nullptr : &*found;
}

// ---- what runners tell

void Supervisor::on_ready(Runner& runner) {
  ++totals_.ready;
  Module* module = module_of(runner);
  if (module == nullptr) {
    runner.end_by_force("killed: its module was taken out of the fleet");
    return;
  }
  event(fmt::format("runner {}/{} ready, pid {}, version {}", module->spec.id, runner.serial(), runner.pid(),
                    runner.facts().version.empty() ? "unknown" : runner.facts().version));
  if (module->deployment && std::ranges::count(module->deployment->candidates, runner.serial()) != 0) {
    module->deployment->ready.insert(runner.serial());
    connect_clients(*module, runner);
    check_deployment(*module);
    return;
  }
  Place* place = place_of(*module, runner);
  if (place == nullptr) {
    runner.end_by_force("killed: nothing needs it any more");
    return;
  }
  module->facts_text = runner.facts_text();
  place->restarts.ready(monotonic_now());
  place->crash_loop = false;
  connect_clients(*module, runner);
  if (module->state == policy::State::failed) {
    move(*module, policy::Event::start);
  }
  const bool complete = std::ranges::all_of(module->places, [this](const Place& other) {
    const Runner* its = this->runner(other.runner);
    return its != nullptr && its->state() == RunnerState::ready;
  });
  if (!module->on_started || complete) {
    move(*module, policy::Event::ready);
  }
  publish_route();
  if (complete && module->on_started) {
    std::exchange(module->on_started, nullptr)(std::nullopt);
  }
}

void Supervisor::on_drained(Runner& runner) {
  broker_.runner_closed(runner);
  runner.stop();
}

void Supervisor::on_gone(Runner& runner) {
  const bool expected = runner.ended_orderly();
  if (!expected) {
    ++totals_.deaths;
    event(fmt::format("runner {}/{} died: {}", runner.spec().module, runner.serial(), runner.cause()));
  } else {
    event(fmt::format("runner {}/{} stopped", runner.spec().module, runner.serial()));
  }
  if (const auto nested = nested_.find(runner.serial()); nested != nested_.end()) {
    detach(*nested->second);
    nested_.erase(nested);
  }
  broker_.runner_gone(runner, runner.cause());
  auto self = runners_.extract(runner.serial());
  dead_.push_back(std::move(self.mapped()));
  if (Module* module = module_of(runner)) {
    Deployment* deployment = module->deployment ? &*module->deployment : nullptr;
    if (deployment != nullptr && deployment->phase <= DeployPhase::connecting &&
        std::ranges::count(deployment->candidates, runner.serial()) != 0) {
      roll_back(*module,
                runner.failure().empty() ? fmt::format("its candidate runner {}", runner.cause()) : runner.failure());
    } else if (deployment != nullptr && deployment->old.erase(runner.serial()) != 0) {
      deployment->report.answered += runner.executed();
      deployment->report.forced |= !expected;
      deployment->report.cancelled += expected ? 0 : 1;
      if (deployment->phase == DeployPhase::draining && deployment->old.empty()) {
        finish(*module);
      }
    } else if (Place* place = place_of(*module, runner)) {
      place_lost(*module, *place, runner);
    }
  }
  if (stopping_ && runners_.empty() && on_all_stopped_) {
    std::exchange(on_all_stopped_, nullptr)();
  }
}

void Supervisor::place_lost(Module& module, Place& place, const Runner& runner) {
  const std::string why =
      runner.failure().empty() ? fmt::format("runner {} {}", runner.serial(), runner.cause()) : runner.failure();
  place.runner = 0;
  module.last_error = why;
  module.last_death = why;
  if (module.on_started) {
    fail_start(module, why);
    return;
  }
  const auto decision = place.restarts.died(monotonic_now(), random_());
  place.restart_at = decision.restart_at;
  place.crash_loop = decision.crash_loop;
  const bool any_ready = std::ranges::any_of(module.places, [this](const Place& other) {
    const Runner* its = this->runner(other.runner);
    return its != nullptr && its->state() == RunnerState::ready;
  });
  if (!any_ready) {
    move(module, decision.crash_loop ? policy::Event::fail : policy::Event::lost);
  }
  publish_route();
}

void Supervisor::on_line(Runner& runner, LogStream stream, std::string_view line) {
  if (options_.on_log) {
    options_.on_log({.module = runner.spec().module, .runner = runner.serial(), .stream = stream, .text = line});
  }
}

void Supervisor::event(std::string_view text) {
  if (options_.on_event) {
    options_.on_event(text);
  }
}

// ---- time

MonotonicNs Supervisor::next_deadline() const {
  MonotonicNs next = dead_.empty() ? never : 0;
  if (!runners_.empty()) {
    next = std::min(next, tick_at_);
  }
  for (const auto& [serial, runner] : runners_) {
    next = std::min(next, runner->next_deadline());
  }
  for (const auto& [number, module] : modules_) {
    for (const Place& place : module->places) {
      next = std::min(next, place.restart_at);
    }
    if (module->deployment) {
      next = std::min(next, module->deployment->recheck_at);
    }
  }
  return next;
}

void Supervisor::restart_places(Module& module, MonotonicNs now) {
  for (Place& place : module.places) {
    if (place.restart_at > now || stopping_) {
      continue;
    }
    place.restart_at = never;
    try {
      place.runner = start_runner(module, module.artifact);
      ++module.restarts;
      ++totals_.restarts;
    } catch (const Error& error) {
      module.last_error = error.what();
      module.last_death = error.what();
      place.restart_at = place.restarts.died(now, random_()).restart_at;
      event(fmt::format("module {}: restart failed: {}", module.spec.id, error.what()));
    }
  }
}

void Supervisor::on_time(MonotonicNs now) {
  dead_.clear();
  for (auto& [serial, runner] : runners_) {
    runner->on_time(now);
  }
  std::vector<std::uint32_t> deploying;
  for (auto& [number, module] : modules_) {
    restart_places(*module, now);
    if (module->deployment && module->deployment->recheck_at <= now) {
      deploying.push_back(number);
    }
  }
  for (const std::uint32_t number : deploying) { // a step may end a module and change the map
    check_deployment(*modules_.at(number));
  }
  if (now >= tick_at_) {
    own_time_.tick(now);
    tick_at_ = deadline_after(now, supervision_tick);
    for (auto& [serial, runner] : runners_) {
      if (Module* module = module_of(*runner)) {
        runner->check_stopped(own_time_.time(), module->spec.call_timeout + limits::hung_after_deadline);
        if (runner->state() == RunnerState::ready) {
          connect_clients(*module, *runner); // lanes that could not be made before
        }
      }
    }
    for (const std::uint64_t serial : broker_.find_hung(own_time_)) {
      if (Runner* hung = runner(serial)) {
        hung->end_by_force("killed: hung in a call long past its deadline");
      }
    }
  }
}

} // namespace ringfleet::fleet
