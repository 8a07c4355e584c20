#include "ringfleet/fleet/detail/scheduler.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/base/version.hpp"
#include "ringfleet/fleet/detail/runner_path.hpp"
#include "ringfleet/fleet/detail/status_json.hpp"
#include "ringfleet/fleet/module_reference.hpp"
#include "ringfleet/fleet/presence.hpp"
#include "ringfleet/os/runtime_directory.hpp"
#include "ringfleet/os/thread.hpp"

#include <algorithm>
#include <cstdio>
#include <future>
#include <utility>

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

namespace ringfleet::fleet {
namespace {

memory::SegmentSpec route_spec() {
  return {memory::SegmentKind::route, sizeof(RouteLayout), 1, route_fingerprint};
}

void print_log_line(const LogLine& line) {
  const std::string text = fmt::format("[{}/{}] {}\n", line.module, line.runner, line.text);
  std::fwrite(text.data(), 1, text.size(), line.stream == LogStream::output ? stdout : stderr);
}

} // namespace

// The scheduler's own counter file.
struct Scheduler::Counters {
  Counters(const std::string& path, const std::string& fleet)
      : file(path, {fleet, "scheduler", fleet, 0}, counter::own_counters) {}

  counter::CounterWriter file;
  counter::Counter started = file.counter("runners.started");
  counter::Counter ready = file.gauge("runners.ready");
  counter::Counter deaths = file.counter("runners.deaths");
  counter::Counter restarts = file.counter("restarts");
  counter::Counter reloads_ok = file.counter("reloads.ok");
  counter::Counter reloads_failed = file.counter("reloads.failed");
  counter::Counter clients = file.gauge("clients");
};

Scheduler::Scheduler(Topology topology, FleetOptions options)
    : options_(std::move(options)), name_(topology.fleet.name), module_directory_(topology.directory),
      began_at_(monotonic_now()) {
  check(topology);
  options_.runner_path = find_runner_program(options_.runner_path);
  if (!options_.on_log) {
    options_.on_log = print_log_line;
  }
  prepare_directory();
  try {
    start(std::move(topology));
  } catch (...) {
    stop();
    throw;
  }
}

Scheduler::~Scheduler() {
  stop();
}

// Takes the fleet's name and clears what a dead predecessor left under it.
void Scheduler::prepare_directory() {
  if (name_.empty()) {
    PrivateFleet own = make_private_fleet();
    name_ = std::move(own.name);
    directory_ = std::move(own.directory);
    lock_ = std::move(own.lock);
    private_ = true;
    clear_dead_private_fleets();
    return;
  }
  directory_ = os::create_fleet_directory(name_);
  const std::string lock_path = directory_ + "/lock";
  lock_ = os::FileLock::try_acquire(lock_path, fmt::format("{}", getpid()));
  if (!lock_) {
    throw Error(
        ErrorCode::already_exists,
        fmt::format("start fleet '{}': it runs already, scheduler pid {}", name_, os::FileLock::note_hint(lock_path)),
        fmt::format("end it with 'ringfleet down --fleet {}', or give this one another name", name_));
  }
  os::remove_tree(counter::counter_directory(directory_));
  clear_dead_private_fleets();
}

void Scheduler::start(Topology topology) {
  route_descriptor_ = memory::create_anonymous_segment("ringfleet route", route_spec());
  route_ = memory::Segment::attach_writer(
      route_descriptor_.duplicate(), {memory::SegmentKind::route, sizeof(RouteLayout), route_fingerprint}, "route");
  route_.close_descriptor();
  memory::seal_segment(route_descriptor_, "route");
  auto& route = *reinterpret_cast<RouteLayout*>(route_.writable_body().data());

  ClientCore::Control control;
  control.subscribe = [this](std::string_view module) {
    return loop_.ask([&] {
      const auto subscription = supervisor_->subscribe(*embedded_, module);
      return ClientCore::Subscription{subscription.number, subscription.generation, subscription.call_timeout};
    });
  };
  control.want_arena = [this](std::uint64_t lane, std::uint64_t bytes) {
    loop_.post([this, lane, bytes] { supervisor_->broker().arena_wanted_by_client(*embedded_, lane, bytes); });
  };
  control.violation = [this](std::uint64_t runner, std::string what) {
    loop_.post([this, runner, what = std::move(what)] { supervisor_->violation(*embedded_, runner, what); });
  };
  control.why_unserved = [this](std::string_view module, Nanoseconds patience) {
    auto reason = std::make_shared<std::promise<std::string>>(); // the answer may come when nobody waits any more
    auto told = reason->get_future();
    loop_.post([this, reason, id = std::string(module)] { reason->set_value(why_unserved(id)); });
    return told.wait_for(patience) == std::future_status::ready ? told.get()
                                                                : std::string("the scheduler's thread does not answer");
  };
  core_ = std::make_unique<ClientCore>(
      memory::Segment::attach_reader(route_descriptor_.duplicate(),
                                     {memory::SegmentKind::route, sizeof(RouteLayout), route_fingerprint}, "route"),
      memory::Segment::heap({memory::SegmentKind::epochs, sizeof(EpochLayout), 1, epoch_fingerprint}),
      std::move(control));
  embedded_ = std::make_unique<EmbeddedLink>(*core_);

  counters_ = std::make_unique<Counters>(counter::counter_path(directory_, "scheduler", 0), name_);
  SupervisorOptions supervisor_options;
  supervisor_options.fleet_name = name_;
  supervisor_options.directory = directory_;
  supervisor_options.runner_path = options_.runner_path;
  supervisor_options.stop_timeout = topology.fleet.stop_timeout;
  supervisor_options.unlimited_restarts = options_.unlimited_restarts;
  supervisor_options.on_log = options_.on_log;
  supervisor_options.on_event = options_.on_event;
  supervisor_ = std::make_unique<Supervisor>(std::move(supervisor_options), loop_, route);
  supervisor_->attach(*embedded_);
  if (!private_) {
    control_ = std::make_unique<ControlServer>(
        directory_ + "/control", loop_, *supervisor_, route_descriptor_,
        [this](const std::string& json, ControlServer::Answer answer) { on_request(json, std::move(answer)); });
  }
  thread_ = os::start_thread("schedule the fleet", [this] { run(); });

  // All modules start side by side; the first failure ends the fleet.
  std::vector<std::future<std::optional<Error>>> started;
  for (ModuleSpec& module : topology.modules) {
    const std::string context = fmt::format("load module '{}'", module.id);
    ArtifactHandle artifact;
    try {
      artifact = ingest(module.path);
    } catch (const Error& error) {
      throw error.in(context);
    }
    module.path = artifact->path();
    auto promise = std::make_shared<std::promise<std::optional<Error>>>();
    started.push_back(promise->get_future());
    loop_.ask([&] {
      supervisor_->add_module(module, artifact, [promise](const auto& error) { promise->set_value(error); });
    });
  }
  for (auto& one : started) {
    if (const auto error = one.get()) {
      throw *error;
    }
  }
}

void Scheduler::run() {
  loop_.run([this] { return std::min(supervisor_->next_deadline(), core_->next_look()); },
            [this](MonotonicNs now) {
              supervisor_->on_time(now);
              core_->look_again(now);
              write_counters();
            });
}

void Scheduler::stop() noexcept {
  if (core_) {
    core_->shut_down();
  }
  if (thread_.joinable()) {
    std::promise<void> stopped;
    loop_.post([&] { supervisor_->stop_all([&] { stopped.set_value(); }); });
    stopped.get_future().wait();
    // The name is free before the connections end, so that an operator who sees the end can start the next one at once.
    std::promise<void> released;
    loop_.post([&] {
      for (const auto& answer : waiting_for_end_) {
        answer("{}");
      }
      if (control_) {
        control_->stop_listening();
      }
      released.set_value();
    });
    released.get_future().wait();
    loop_.stop();
    thread_.join();
    ingests_.clear(); // waits
  }
  counters_.reset();
  if (lock_) {
    try {
      if (private_) {
        remove_private_fleet(directory_);
      } else {
        os::remove_tree(counter::counter_directory(directory_));
      }
    } catch (const Error& error) {
      // Whoever takes the name next clears it, as after a crash.
      if (options_.on_event) {
        options_.on_event(fmt::format("fleet {} left files: {}", name_, error.what()));
      }
    }
    lock_.reset();
  }
  control_.reset();
  supervisor_.reset();
}

void Scheduler::write_counters() {
  const auto& totals = supervisor_->totals();
  counters_->started.set(totals.started);
  counters_->ready.set(supervisor_->runners_ready());
  counters_->deaths.set(totals.deaths);
  counters_->restarts.set(totals.restarts);
  counters_->reloads_ok.set(totals.reloads_ok);
  counters_->reloads_failed.set(totals.reloads_failed);
  counters_->clients.set(supervisor_->clients() - 1);
}

ArtifactHandle Scheduler::ingest(std::string_view reference) {
  if (is_hash_reference(reference)) {
    return artifacts_.find(reference);
  }
  return artifacts_.ingest(resolve_module_reference(reference, ModuleSearch::from_environment(module_directory_)));
}

void Scheduler::load(ModuleSpec module) {
  check(module);
  ArtifactHandle artifact;
  try {
    artifact = ingest(module.path);
  } catch (const Error& error) {
    throw error.in(fmt::format("load module '{}'", module.id));
  }
  module.path = artifact->path();
  std::promise<std::optional<Error>> started;
  loop_.ask([&] { supervisor_->add_module(module, artifact, [&](const auto& error) { started.set_value(error); }); });
  if (const auto error = started.get_future().get()) {
    throw *error;
  }
}

DeployReport Scheduler::reload(std::string_view module, std::string_view path) {
  std::promise<std::pair<DeployReport, std::optional<Error>>> done;
  try {
    const ArtifactHandle artifact =
        ingest(path.empty() ? loop_.ask([&] { return supervisor_->path_of(module); }) : std::string(path));
    loop_.ask([&] {
      supervisor_->reload(module, artifact, [&](const DeployReport& report, const std::optional<Error>& error) {
        done.set_value({report, error});
      });
    });
  } catch (const Error& error) {
    throw error.in(fmt::format("reload module '{}'", module));
  }
  const auto [report, error] = done.get_future().get();
  if (error) {
    throw *error;
  }
  return report;
}

void Scheduler::unload(std::string_view module) {
  std::promise<void> done;
  loop_.ask([&] {
    supervisor_->unload(module, [&](const DeployReport&, const std::optional<Error>&) { done.set_value(); });
  });
  done.get_future().wait();
}

FleetStatus Scheduler::status_on_loop() const {
  FleetStatus status;
  status.name = name_;
  status.directory = directory_;
  status.scheduler_pid = getpid();
  status.version = version;
  status.uptime_ns = monotonic_now() - began_at_;
  status.clients = supervisor_->clients() - 1; // not the one in this process
  status.modules = supervisor_->status();
  return status;
}

FleetStatus Scheduler::status() {
  return loop_.ask([this] { return status_on_loop(); });
}

// Loop thread.
std::string Scheduler::why_unserved(std::string_view module) const {
  try {
    return supervisor_->why_unserved(module);
  } catch (const Error& error) {
    return error.what(); // it was unloaded meanwhile
  }
}

ModuleInfo Scheduler::show(std::string_view module) {
  return loop_.ask([&] { return supervisor_->show(module); });
}

void Scheduler::wait_for_stop() {
  // It makes nothing that could be denied to a fleet which is up: no descriptor, no entry in a poller.
  pollfd stop{stop_requested_.fd(), POLLIN, 0};
  while (::poll(&stop, 1, -1) <= 0) {
  }
}

} // namespace ringfleet::fleet
