// The supervisor's clients: who is attached, which lanes they get, what is said about those, and the route they read.

#include "ringfleet/base/error.hpp"
#include "ringfleet/base/limits.hpp"
#include "ringfleet/fleet/detail/channel_link.hpp"
#include "ringfleet/fleet/detail/supervisor.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace ringfleet::fleet {

void Supervisor::attach(ClientLink& client) {
  if (clients_.size() >= limits::clients_max) {
    throw Error(ErrorCode::limit_reached,
                fmt::format("attach {}: the fleet has {} clients", client.name(), clients_.size()),
                fmt::format("at most {} clients at the same time", limits::clients_max));
  }
  clients_.insert(&client);
}

void Supervisor::detach(ClientLink& client) noexcept {
  if (clients_.erase(&client) != 0) {
    broker_.client_gone(client);
    lanes_changed();
  }
}

Supervisor::Subscription Supervisor::subscribe(ClientLink& client, std::string_view id) {
  Module& module = find(id);
  if (client.subscriptions.insert(module.number).second) {
    for (const auto& [serial, runner] : runners_) {
      if (runner->spec().number == module.number && runner->state() == RunnerState::ready) {
        connect_clients(module, *runner);
      }
    }
  }
  return {module.number, module.generation, module.spec.call_timeout};
}

// What runners say about lanes and arenas, as the ones who serve them and as clients of other modules.
void Supervisor::on_message(Runner& runner, call::ControlMessage& message) {
  using call::ControlType;
  ClientLink* as_client = nullptr;
  if (const auto found = nested_.find(runner.serial()); found != nested_.end()) {
    as_client = found->second.get();
  }
  switch (message.type) {
  case ControlType::lane_mapped: broker_.runner_mapped(runner, message.a); return;
  case ControlType::lane_ready: broker_.runner_ready(runner, message.a); return;
  case ControlType::lane_dropped: broker_.runner_dropped(runner, message.a); return;
  case ControlType::arena_wanted:
    broker_.arena_wanted_by_runner(runner, message.a, message.c);
    if (as_client != nullptr) {
      broker_.arena_wanted_by_client(*as_client, message.a, message.c);
    }
    return;
  case ControlType::arena_mapped:
    broker_.arena_mapped_by_runner(runner, message.a, static_cast<std::uint32_t>(message.b));
    if (as_client != nullptr) {
      broker_.arena_mapped_by_client(*as_client, message.a, static_cast<std::uint32_t>(message.b));
    }
    return;
  case ControlType::arena_ready:
    broker_.arena_ready_at_runner(runner, message.a, static_cast<std::uint32_t>(message.b));
    if (as_client != nullptr) {
      broker_.arena_ready_at_client(*as_client, message.a, static_cast<std::uint32_t>(message.b));
    }
    return;
  case ControlType::arena_refused:
    broker_.arena_refused_by_runner(runner, message.a, static_cast<std::uint32_t>(message.b), message.c != 0);
    if (as_client != nullptr) {
      broker_.arena_refused_by_client(*as_client, message.a, static_cast<std::uint32_t>(message.b), message.c != 0);
    }
    return;
  case ControlType::lane_retired:
    if (as_client != nullptr) {
      broker_.client_refused(*as_client, message.a);
    }
    return;
  case ControlType::call_wanted: nested_call(runner, message); return;
  case ControlType::lane_mapped_client:
    if (as_client != nullptr) {
      broker_.client_mapped(*as_client, message.a);
    }
    return;
  case ControlType::lane_ready_client:
    if (as_client != nullptr) {
      broker_.client_ready(*as_client, message.a);
    }
    return;
  default:
    runner.end_by_force(fmt::format("killed: it sent '{}', which a runner never sends", call::to_string(message.type)));
  }
}

void Supervisor::connect_clients(Module& module, Runner& runner) {
  const call::LaneShape shape{module.spec.slots, module.spec.slot_bytes, 1};
  for (ClientLink* client : clients_) {
    if (!client->subscriptions.contains(module.number) || broker_.connected(runner, *client)) {
      continue;
    }
    try {
      broker_.connect(runner, *client, shape, module.spec.wait == call::WaitMode::spin);
    } catch (const Error& error) {
      if (std::exchange(module.last_error, error.what()) != error.what()) { // tried again at each tick, told once
        event(fmt::format("module {}: no lane for {}: {}", module.spec.id, client->name(), error.what()));
      }
    }
  }
}

void Supervisor::publish_route() {
  std::vector<RouteModule> modules;
  bool is_news = false; // for a caller that waits: it may have looked when its lane was there and the route was not yet
  for (auto& [number, module] : modules_) {
    if (module->deployment && module->deployment->removing) {
      is_news |= module->service != Service::absent;
      module->service = Service::absent;
      module->serving.clear();
      continue;
    }
    RouteModule entry{number, module->generation, Service::serving, {}};
    bool crash_loop = false;
    for (const Place& place : module->places) {
      const Runner* its = runner(place.runner);
      if (its != nullptr && its->state() == RunnerState::ready) {
        entry.runners.push_back(place.runner);
      }
      crash_loop |= place.crash_loop;
    }
    if (entry.runners.empty() && crash_loop) {
      entry.service = Service::failed;
    }
    is_news |= module->service != entry.service;
    is_news |= std::ranges::any_of(
        entry.runners, [&](std::uint64_t serial) { return std::ranges::count(module->serving, serial) == 0; });
    module->service = entry.service;
    module->serving = entry.runners;
    modules.push_back(std::move(entry));
  }
  epoch_ = route_.publish(modules);
  Atomics::store_load_barrier(); // SYNC epoch.enter: publish, barrier, then look at the clients' lines
  if (is_news) {
    for (ClientLink* client : clients_) {
      client->route_changed();
    }
  }
}

// A module wants to call another one: its runner becomes a client of the fleet.
void Supervisor::nested_call(Runner& runner, const call::ControlMessage& message) {
  auto& link = nested_[runner.serial()];
  if (!link) {
    link = std::make_unique<NestedLink>(runner);
    attach(*link);
  }
  call::ControlMessage answer;
  answer.text = message.text;
  try {
    const Subscription subscription = subscribe(*link, message.text);
    answer.type = call::ControlType::subscribed;
    answer.a = subscription.number;
    answer.c = subscription.generation;
    answer.b = static_cast<std::uint64_t>(subscription.call_timeout.count());
  } catch (const Error& error) {
    answer.type = call::ControlType::refused;
    answer.a = static_cast<std::uint64_t>(error.code());
    answer.text = call::cut_text(error.what());
  }
  runner.send(answer);
}

void Supervisor::violation(const ClientLink& client, std::uint64_t serial, std::string_view what) {
  if (Runner* its = runner(serial)) {
    its->end_by_force(fmt::format("killed: {} found in its memory: {}", client.name(), what));
  }
}

} // namespace ringfleet::fleet
