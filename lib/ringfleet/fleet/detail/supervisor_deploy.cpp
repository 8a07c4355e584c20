// The steps of a deploy: reload, unload, and the end of the fleet. See deployment.hpp for the sequence.

#include "ringfleet/base/error.hpp"
#include "ringfleet/base/limits.hpp"
#include "ringfleet/fleet/detail/supervisor.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace ringfleet::fleet {
namespace {

using namespace std::chrono_literals;

// How long a flip waits for clients to take their lanes to the candidates. A slower client gets them after the flip.
constexpr auto connect_grace = 2s;
// A thread is inside the route for tens of nanoseconds: we look at once, and then every millisecond.
constexpr auto leave_recheck = 1ms;

} // namespace

void Supervisor::reload(std::string_view id, std::shared_ptr<const Artifact> artifact, Deployment::Done done) {
  Module& module = find(id);
  if (module.deployment || module.on_started || stopping_) {
    throw Error(ErrorCode::wrong_state,
                fmt::format("reload module '{}': it is being {}", id,
                            module.on_started ? "started" : (stopping_ ? "stopped" : "deployed already")),
                "wait until that has ended");
  }
  Deployment& deployment = module.deployment.emplace();
  deployment.artifact = std::move(artifact);
  deployment.drain_timeout = module.spec.drain_timeout;
  deployment.began_at = monotonic_now();
  deployment.report.module = module.spec.id;
  deployment.done = std::move(done);
  event(fmt::format("module {} deploying {}", module.spec.id, deployment.artifact->path()));
  try {
    for (std::size_t i = 0; i < module.places.size(); ++i) {
      deployment.candidates.push_back(start_runner(module, deployment.artifact));
    }
  } catch (const Error& error) {
    roll_back(module, error.what());
  }
}

void Supervisor::unload(std::string_view id, Deployment::Done done) {
  Module& module = find(id);
  if (module.deployment || module.on_started) {
    throw Error(ErrorCode::wrong_state,
                fmt::format("unload module '{}': it is being {}", id, module.deployment ? "deployed" : "started"),
                "wait until that has ended");
  }
  begin_unload(module, std::move(done));
}

void Supervisor::begin_unload(Module& module, Deployment::Done done) {
  Deployment& deployment = module.deployment.emplace();
  deployment.removing = true;
  deployment.drain_timeout = module.spec.drain_timeout;
  deployment.began_at = monotonic_now();
  deployment.report.module = module.spec.id;
  deployment.done = std::move(done);
  move(module, policy::Event::unload);
  flip(module);
}

void Supervisor::stop_all(std::function<void()> done) {
  stopping_ = true;
  if (runners_.empty()) {
    done();
    return;
  }
  on_all_stopped_ = std::move(done);
  std::vector<std::uint32_t> numbers;
  for (const auto& [number, module] : modules_) {
    numbers.push_back(number);
  }
  for (const std::uint32_t number : numbers) {
    Module& module = *modules_.at(number);
    if (module.on_started) {
      fail_start(module, "the fleet was stopped meanwhile");
      continue;
    }
    if (module.deployment && module.deployment->phase <= DeployPhase::connecting) {
      roll_back(module, "the fleet was stopped meanwhile");
    }
    if (!module.deployment) {
      begin_unload(module, nullptr);
    }
  }
  if (runners_.empty() && on_all_stopped_) { // every module was between two runners
    std::exchange(on_all_stopped_, nullptr)();
  }
}

// Nothing was changed: the old runners serve on, and a later deploy may succeed.
void Supervisor::roll_back(Module& module, const std::string& why) {
  Deployment deployment = std::move(*module.deployment);
  module.deployment.reset();
  for (const std::uint64_t serial : deployment.candidates) {
    if (Runner* candidate = runner(serial)) {
      candidate->end_by_force("killed: its deploy was rolled back");
    }
  }
  ++module.reloads_failed;
  ++totals_.reloads_failed;
  const Error error(ErrorCode::runner_failed,
                    fmt::format("reload module '{}' from '{}': {}", module.spec.id, deployment.artifact->path(), why),
                    "the old version serves on, nothing was changed");
  module.last_error = error.what();
  event(fmt::format("module {} rolled back: {}", module.spec.id, why));
  if (deployment.done) {
    deployment.done(deployment.report, error);
  }
}

void Supervisor::lanes_changed() {
  std::vector<std::uint32_t> connecting;
  for (const auto& [number, module] : modules_) {
    if (module->deployment && module->deployment->phase == DeployPhase::connecting) {
      connecting.push_back(number);
    }
  }
  for (const std::uint32_t number : connecting) { // a step may end a module and change the map
    check_deployment(*modules_.at(number));
  }
}

// Takes every step that is due.
void Supervisor::check_deployment(Module& module) {
  Deployment& deployment = *module.deployment;
  const MonotonicNs now = monotonic_now();
  if (deployment.phase == DeployPhase::starting && deployment.ready.size() == module.places.size()) {
    deployment.phase = DeployPhase::connecting;
    deployment.report.ready_ns = now - deployment.began_at;
    deployment.recheck_at = deadline_after(now, connect_grace);
  }
  if (deployment.phase == DeployPhase::connecting) {
    const bool lost = std::ranges::any_of(deployment.candidates, [this](std::uint64_t serial) {
      const Runner* candidate = runner(serial);
      return candidate == nullptr || candidate->state() != RunnerState::ready;
    });
    if (lost) { // its lanes go first; on_gone() follows, and rolls back
      deployment.recheck_at = never;
      return;
    }
    const bool pending = std::ranges::any_of(deployment.candidates, [this](std::uint64_t serial) {
      const Runner* candidate = runner(serial);
      return candidate != nullptr && broker_.pending(*candidate);
    });
    if (!pending || now >= deployment.recheck_at) {
      flip(module);
    }
    return;
  }
  if (deployment.phase == DeployPhase::leaving) {
    const bool inside = std::ranges::any_of(
        clients_, [&](const ClientLink* client) { return client->inside_before(deployment.epoch); });
    if (inside && now < deployment.leave_deadline) {
      deployment.recheck_at = deadline_after(now, leave_recheck);
      return;
    }
    drain_old(module);
  }
}

void Supervisor::flip(Module& module) {
  Deployment& deployment = *module.deployment;
  for (std::size_t i = 0; i < module.places.size(); ++i) {
    Place& place = module.places[i];
    if (place.runner != 0) {
      deployment.old.insert(place.runner);
      if (const Runner* old = runner(place.runner); old != nullptr && deployment.report.from_version.empty()) {
        deployment.report.from_version = old->facts().version;
      }
    }
    place.runner = deployment.removing ? 0 : deployment.candidates[i];
    place.restart_at = never;
    place.crash_loop = false;
    place.restarts.ready(monotonic_now());
  }
  if (!deployment.removing) {
    const Runner* first = runner(deployment.candidates.front());
    deployment.report.to_version = first->facts().version;
    module.facts_text = first->facts_text();
    module.artifact = deployment.artifact;
    module.spec.path = deployment.artifact->path();
    if (module.state == policy::State::failed) {
      move(module, policy::Event::start);
    }
    move(module, policy::Event::ready);
  }
  publish_route();
  deployment.epoch = epoch_;
  deployment.phase = DeployPhase::leaving;
  deployment.flipped_at = monotonic_now();
  deployment.report.flip_ns = deployment.flipped_at - deployment.began_at;
  deployment.leave_deadline = deadline_after(deployment.flipped_at, limits::epoch_grace);
  if (!deployment.removing) {
    event(fmt::format("module {} flipped to version {}", module.spec.id, deployment.report.to_version));
  }
  check_deployment(module);
}

void Supervisor::drain_old(Module& module) {
  Deployment& deployment = *module.deployment;
  deployment.phase = DeployPhase::draining;
  deployment.recheck_at = never;
  const std::set<std::uint64_t> old = deployment.old; // on_gone() takes from the set
  for (const std::uint64_t serial : old) {
    Runner* its = runner(serial);
    if (its == nullptr) {
      deployment.old.erase(serial);
    } else if (its->state() == RunnerState::ready) {
      its->drain(deployment.drain_timeout);
    } else {
      its->end_by_force("killed: it was replaced before it was ready");
    }
  }
  if (deployment.old.empty()) {
    finish(module);
  }
}

void Supervisor::finish(Module& module) {
  Deployment deployment = std::move(*module.deployment);
  module.deployment.reset();
  const MonotonicNs now = monotonic_now();
  deployment.report.total_ns = now - deployment.began_at;
  deployment.report.drain_ns = now - deployment.flipped_at;
  deployment.report.accepted = deployment.report.answered + deployment.report.cancelled;
  if (deployment.removing) {
    move(module, policy::Event::drained);
    erase(module);
    publish_route();
  } else {
    ++module.reloads;
    ++totals_.reloads_ok;
    event(fmt::format("module {} deployed, version {}", module.spec.id, deployment.report.to_version));
  }
  if (deployment.done) {
    deployment.done(deployment.report, std::nullopt);
  }
}

} // namespace ringfleet::fleet
