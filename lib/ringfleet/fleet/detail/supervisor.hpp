#pragma once

// The supervisor: which modules the fleet has, which runners they have, and everything that happens to them: start,
// death, restart, hang, reload, unload, and the route that clients read. Loop thread only.

#include "ringfleet/fleet/artifact.hpp"
#include "ringfleet/fleet/detail/client_link.hpp"
#include "ringfleet/fleet/detail/deployment.hpp"
#include "ringfleet/fleet/detail/event_loop.hpp"
#include "ringfleet/fleet/detail/lane_broker.hpp"
#include "ringfleet/fleet/detail/runner.hpp"
#include "ringfleet/fleet/route.hpp"
#include "ringfleet/fleet/status.hpp"
#include "ringfleet/fleet/topology.hpp"
#include "ringfleet/policy/hang.hpp"
#include "ringfleet/policy/lifecycle.hpp"
#include "ringfleet/policy/restart.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace ringfleet::fleet {

struct SupervisorOptions {
  std::string fleet_name;
  std::string directory;   // for the runners' counter files
  std::string runner_path; // of ringfleet-runner
  Nanoseconds stop_timeout{};
  bool unlimited_restarts = false;
  std::function<void(const LogLine& line)> on_log;
  std::function<void(std::string_view event)> on_event;
};

class Supervisor final : public RunnerObserver {
public:
  using Done = std::function<void(const std::optional<Error>&)>;

  // `route` is the scheduler's writable view of the route segment.
  Supervisor(SupervisorOptions options, EventLoop& loop, RouteLayout& route);
  ~Supervisor() override;

  // `done` is told when all instances are Ready, or why not; then the module is gone again.
  void add_module(ModuleSpec spec, std::shared_ptr<const Artifact> artifact, Done done);
  // Throws Error (not_found, wrong_state) when the deploy cannot begin; `done` is told how it ended.
  void reload(std::string_view module, std::shared_ptr<const Artifact> artifact, Deployment::Done done);
  void unload(std::string_view module, Deployment::Done done);
  // Drains and stops everything; `done` runs when no runner is left.
  void stop_all(std::function<void()> done);

  void attach(ClientLink& client);
  void detach(ClientLink& client) noexcept;
  struct Subscription {
    std::uint32_t number = 0;
    std::uint32_t generation = 0; // of the route entry: tells this module from an earlier one of the same number
    Nanoseconds call_timeout{};
  };
  // The client gets lanes to every runner of the module, now and later. Throws Error(not_found).
  Subscription subscribe(ClientLink& client, std::string_view module);

  [[nodiscard]] LaneBroker& broker() noexcept { return broker_; }
  [[nodiscard]] std::vector<ModuleStatus> status() const;
  [[nodiscard]] ModuleInfo show(std::string_view module) const;
  // The path a module was last deployed from. Throws Error(not_found).
  [[nodiscard]] std::string path_of(std::string_view module) const;
  // Why no runner takes calls of a module, when the next one comes, and what to do, for people. Throws
  // Error(not_found).
  [[nodiscard]] std::string why_unserved(std::string_view module) const;
  [[nodiscard]] std::size_t clients() const noexcept { return clients_.size(); }
  [[nodiscard]] std::size_t runners_ready() const;

  // A client has found something in a runner's memory that no honest runner writes: the runner is ended and the reason
  // reported.
  void violation(const ClientLink& client, std::uint64_t runner, std::string_view what);

  struct Totals {
    std::uint64_t started = 0;
    std::uint64_t ready = 0;
    std::uint64_t deaths = 0;
    std::uint64_t restarts = 0;
    std::uint64_t reloads_ok = 0;
    std::uint64_t reloads_failed = 0;
  };
  [[nodiscard]] const Totals& totals() const noexcept { return totals_; }

  [[nodiscard]] MonotonicNs next_deadline() const;
  void on_time(MonotonicNs now);
  // Lanes came or went: a deploy may be waiting for that.
  void lanes_changed();

  // RunnerObserver
  void on_ready(Runner& runner) override;
  void on_message(Runner& runner, call::ControlMessage& message) override;
  void on_drained(Runner& runner) override;
  void on_gone(Runner& runner) override;
  void on_line(Runner& runner, LogStream stream, std::string_view line) override;

private:
  // One instance of a module; outlives its runners.
  struct Place {
    std::uint64_t runner = 0; // serial of the one that serves or starts; 0: none
    policy::RestartMachine restarts;
    MonotonicNs restart_at = never;
    bool crash_loop = false;
  };
  struct Module {
    ModuleSpec spec;
    std::uint32_t number = 0;
    std::uint32_t generation = 0;
    policy::State state = policy::State::loaded;
    std::shared_ptr<const Artifact> artifact;
    std::vector<Place> places;
    std::optional<Deployment> deployment;
    Done on_started; // until the first Ready
    std::string facts_text;
    std::uint64_t restarts = 0;
    std::uint64_t reloads = 0;
    std::uint64_t reloads_failed = 0;
    std::string last_error;
    std::string last_death;         // of a runner that served or was to serve; last_error may be of a deploy
    std::optional<Service> service; // as published last, and so are the runners
    std::vector<std::uint64_t> serving;
  };

  Module& find(std::string_view id);
  [[nodiscard]] const Module& find(std::string_view id) const;
  Module* module_of(const Runner& runner);
  Runner* runner(std::uint64_t serial) const;
  Place* place_of(Module& module, const Runner& runner);
  std::uint64_t start_runner(Module& module, std::shared_ptr<const Artifact> artifact);
  void move(Module& module, policy::Event event);
  void publish_route();
  void connect_clients(Module& module, Runner& runner);
  void fail_start(Module& module, const std::string& why);
  void place_lost(Module& module, Place& place, const Runner& runner);
  void restart_places(Module& module, MonotonicNs now);
  void erase(Module& module);
  void event(std::string_view text);

  void begin_unload(Module& module, Deployment::Done done);
  void roll_back(Module& module, const std::string& why);
  void check_deployment(Module& module);
  void flip(Module& module);
  void drain_old(Module& module);
  void finish(Module& module);
  void nested_call(Runner& runner, const call::ControlMessage& message);

  SupervisorOptions options_;
  EventLoop& loop_;
  RouteWriter<> route_;
  LaneBroker broker_;
  std::uint64_t epoch_ = 0;
  std::map<std::uint32_t, std::unique_ptr<Module>> modules_; // by number
  std::map<std::uint64_t, std::unique_ptr<Runner>> runners_; // by serial
  std::vector<std::unique_ptr<Runner>> dead_; // destroyed at the next tick, not inside their own callbacks
  std::set<ClientLink*> clients_;
  std::map<std::uint64_t, std::unique_ptr<ClientLink>> nested_; // by serial of the calling runner
  std::uint64_t next_serial_ = 1;
  std::uint32_t next_generation_ = 1;
  policy::OwnTime own_time_;
  MonotonicNs tick_at_ = never;
  std::mt19937_64 random_;
  std::function<void()> on_all_stopped_;
  bool stopping_ = false;
  Totals totals_;
};

} // namespace ringfleet::fleet
