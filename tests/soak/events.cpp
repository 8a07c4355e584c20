#include "events.hpp"

#include "paths.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/os/process.hpp"

#include <algorithm>
#include <csignal>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace ringfleet::soak {

namespace {

struct Kind {
  Event event;
  std::string_view text;
  std::uint64_t weight;
};
constexpr std::array<Kind, event_kinds> kinds{{
    {Event::kill_runner, "runner killed", 24},
    {Event::stop_runner, "runner stopped", 5},
    {Event::crash, "module crashes", 18},
    {Event::reload, "reload", 10},
    {Event::reload_broken, "reload that must fail", 4},
    {Event::load_or_unload, "load or unload", 4},
    {Event::kill_client, "client killed", 6},
    {Event::stop_client, "client stopped", 3},
    {Event::kill_producer, "producer killed", 8},
    {Event::stop_producer, "producer stopped", 3},
    {Event::kill_reader, "reader killed", 8},
    {Event::stop_reader, "reader stopped", 3},
    {Event::visit, "reader joins for a while", 8},
    {Event::kill_visitor, "reader of a while killed", 3},
    {Event::kill_of_group, "one of the group killed", 5},
    {Event::stop_of_group, "one of the group stopped", 2},
    {Event::look_at_counters, "ringfleet-stat", 2},
    {Event::kill_looker, "ringfleet-stat killed", 1},
}};
constexpr std::uint64_t weights() {
  std::uint64_t sum = 0;
  for (const auto& kind : kinds) {
    sum += kind.weight;
  }
  return sum;
}

} // namespace

std::string_view to_string(Event event) noexcept {
  return kinds[static_cast<std::size_t>(event)].text;
}

Event Events::choose() {
  auto at = draw(weights());
  for (const auto& kind : kinds) {
    if (at < kind.weight) {
      return kind.event;
    }
    at -= kind.weight;
  }
  return Event::kill_runner;
}

void Events::next() {
  const auto event = choose();
  happen(event);
  ++counts_[static_cast<std::size_t>(event)];
  stage_.cast().look_after_everybody();
  let_time_pass(false);
  const auto goal = stage_.calls_finished() + draw(200);
  constexpr int looks_max = 100; // when everything is stopped, nothing ends
  for (int looks = 0; stage_.calls_finished() < goal && looks < looks_max; ++looks) {
    ::poll(nullptr, 0, 1);
  }
}

void Events::happen(Event event) {
  constexpr std::array<const char*, 4> modules{"teller", "echo", "guest", "bad"};
  auto& cast = stage_.cast();
  auto& deeds = stage_.deeds();
  const auto number = random_();
  const auto kill = [&](Actor* actor) {
    if (actor != nullptr) {
      cast.replace(*actor);
    }
  };
  const auto stop = [&](Actor* actor) {
    if (actor != nullptr) {
      cast.stop(*actor, 1 + number % 4);
    }
  };
  switch (event) {
  case Event::kill_runner: signal_runner(SIGKILL); break;
  case Event::stop_runner: signal_runner(SIGSTOP); break;
  case Event::crash: stage_.crasher().order([&deeds, number] { deeds.crash(number, 1 + number % 5); }); break;
  case Event::reload:
    stage_.deployer().order([&deeds, module = modules[number % 3]] { deeds.reload(module, false); });
    break;
  case Event::reload_broken:
    stage_.deployer().order(
        [&deeds, number, module = modules[number % 2]] { deeds.reload_broken(module, number / 2); });
    break;
  case Event::load_or_unload: stage_.deployer().order([&deeds] { deeds.load_or_unload_guest(); }); break;
  case Event::kill_client: kill(any_of({"client"}, false)); break;
  case Event::kill_producer: kill(any_of({"producer"}, false)); break;
  case Event::kill_reader: kill(any_of({"reader", "fan-in", "lossy"}, false)); break;
  case Event::kill_of_group: kill(any_of({"group", "worker"}, false)); break;
  case Event::stop_client: stop(any_of({"client"}, true)); break;
  case Event::stop_producer: stop(any_of({"producer"}, true)); break;
  case Event::stop_reader: stop(any_of({"reader", "fan-in", "lossy"}, true)); break;
  case Event::stop_of_group: stop(any_of({"group", "worker"}, true)); break;
  case Event::visit: visit(); break;
  case Event::kill_visitor: cast.kill_visitor(); break;
  case Event::look_at_counters: look_at_counters(false); break;
  case Event::kill_looker: look_at_counters(true); break;
  }
}

// The pid is surely the runner's when the fleet says so again after the descriptor was opened.
void Events::signal_runner(int signal_number) {
  const auto number = random_();
  std::vector<RunnerStatus> runners;
  for (const auto& module : stage_.fleet().status().modules) {
    runners.insert(runners.end(), module.runners.begin(), module.runners.end());
  }
  if (runners.empty()) {
    return;
  }
  const auto& chosen = runners[number % runners.size()];
  try {
    auto pidfd = os::open_pidfd(chosen.pid);
    for (const auto& module : stage_.fleet().status().modules) {
      for (const auto& runner : module.runners) {
        if (runner.serial == chosen.serial && runner.pid == chosen.pid && os::send_signal(pidfd, signal_number)) {
          runners_killed_ += signal_number == SIGKILL ? 1 : 0;
          if (signal_number == SIGSTOP) {
            stopped_.push_back({std::move(pidfd), 1 + number % 4});
          }
          return;
        }
      }
    }
  } catch (const Error&) {
    // it has ended meanwhile
  }
}

Actor* Events::any_of(std::initializer_list<std::string_view> roles, bool resident_too) {
  std::vector<Actor*> found;
  for (auto& actor : stage_.cast().actors()) {
    if (std::ranges::count(roles, actor.part.role) != 0 && (resident_too || !actor.resident)) {
      found.push_back(&actor);
    }
  }
  return found.empty() ? nullptr : found[draw(found.size())];
}

void Events::visit() {
  const auto channel = draw(open_channels);
  const auto joining = static_cast<Joining>(draw(joinings));
  const auto position = stage_.ledger().channels[channel].readers[resident_reader].position.load();
  stage_.cast().send_visitor(channel, joining, position, 1 + draw(2'000));
}

void Events::look_at_counters(bool kill_it) {
  const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  os::SpawnRequest request;
  request.path = stat_program;
  request.argv = {request.path, "-o", "json"};
  request.env = {"RINGFLEET_DIR=" + stage_.common().directory + "/run"};
  request.descriptors = {{nowhere, STDOUT_FILENO}, {nowhere, STDERR_FILENO}};
  os::ChildProcess stat(request);
  ::close(nowhere);
  if (kill_it) {
    stat.signal(SIGKILL);
  }
  const auto status = stat.reap();
  constexpr int partly_shown = 1; // a module that scribbles over everything hits its own counters, too
  if (status.signalled ? !kill_it : status.code > partly_shown) {
    complain(stage_.ledger(), "ringfleet-stat " + status.to_string());
  }
}

void Events::let_time_pass(bool all) {
  stage_.cast().let_time_pass(all);
  std::erase_if(stopped_, [&](StoppedRunner& runner) {
    if (!all && --runner.for_events != 0) {
      return false;
    }
    os::send_signal(runner.pidfd, SIGCONT);
    return true;
  });
}

void Events::calm_down() {
  let_time_pass(true);
  until(stage_.ledger(), "reloads and crashes that were ordered",
        [&] { return stage_.deployer().is_idle() && stage_.crasher().is_idle(); });
  stage_.cast().wait_for_visitors();
}

} // namespace ringfleet::soak
