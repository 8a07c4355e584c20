#include "scheduler_death.hpp"

#include "ringfleet/fleet/client.hpp"
#include "ringfleet/os/process.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <string>
#include <vector>

namespace ringfleet::soak {

using namespace std::chrono_literals;

namespace {

os::ChildProcess start_scheduler(Stage& stage) {
  const auto before = stage.ledger().scheduler_ready.load();
  auto scheduler = stage.cast().start("scheduler", {});
  until(stage.ledger(), "the second fleet to start", [&] {
    if (const auto status = scheduler.try_reap()) {
      complain(stage.ledger(), "a scheduler " + status->to_string());
    }
    return stage.ledger().scheduler_ready != before;
  });
  return scheduler;
}

void expect(Stage& stage, const Reply& reply, const std::string& wanted, std::initializer_list<CallStatus> errors) {
  const bool is_named = std::ranges::count(errors, reply.status()) != 0 && !reply.error().empty();
  if (reply.ok() ? reply.text() != wanted : !is_named) {
    complain(stage.ledger(), "a call around the death of its scheduler ends as " +
                                 std::string(to_string(reply.status())) + ": " + reply.error());
  }
}

void lose_one(Stage& stage, Events& dice) {
  auto scheduler = start_scheduler(stage);
  Client client(second_fleet_name(stage.common().word), 60s);
  std::vector<os::Descriptor> runners;
  for (const auto& module : client.status().modules) {
    for (const auto& runner : module.runners) {
      runners.push_back(os::open_pidfd(runner.pid));
    }
  }
  const Method echo = client.method("echo", "echo");
  std::array<PendingCall, batch> calls;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    calls[i] = echo.start(std::to_string(i), {60s});
  }
  const auto collected = dice.draw(calls.size());
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (i == collected) {
      scheduler.signal(SIGKILL);
    }
    expect(stage, calls[i].get(), std::to_string(i), {CallStatus::runner_lost, CallStatus::no_runner});
  }
  scheduler.reap();
  until(stage.ledger(), "runners to end with their scheduler",
        [&] { return std::ranges::all_of(runners, [](const auto& runner) { return os::is_dead(runner); }); });
  const Reply late = echo.call("late", {60s});
  if (late.ok()) {
    complain(stage.ledger(), "a fleet without scheduler and runners answers");
  }
  expect(stage, late, {}, {CallStatus::runner_lost, CallStatus::no_runner});
}

} // namespace

void lose_schedulers(Stage& stage, Events& dice, std::uint64_t rounds) {
  for (std::uint64_t round = 0; round < rounds; ++round) {
    lose_one(stage, dice);
  }
  auto last = start_scheduler(stage);
  Client client(second_fleet_name(stage.common().word), 60s);
  expect(stage, client.method("echo", "echo").call("still", {60s}), "still", {});
  client.down();
  if (const auto status = last.reap(); status != os::ExitStatus{}) {
    complain(stage.ledger(), "a scheduler that goes down in order " + status.to_string());
  }
}

} // namespace ringfleet::soak
