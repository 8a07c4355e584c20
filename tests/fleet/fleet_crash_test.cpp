// What happens when a runner dies or hangs: the caller gets one error that names call and cause, everybody else notices
// nothing.

#include "fleet_fixture.hpp"
#include "resources.hpp"
#include "ringfleet/fleet/client.hpp"
#include "ringfleet/os/process.hpp"

#include <csignal>
#include <cstring>
#include <map>
#include <random>
#include <set>

using namespace ringfleet;
using namespace ringfleet::test;

namespace {

pid_t pid_of(const Fleet& fleet, std::string_view module, std::size_t index = 0) {
  const FleetStatus status_now = fleet.status();
  for (const ModuleStatus& status : status_now.modules) {
    if (status.id == module && index < status.runners.size()) {
      return status.runners[index].pid;
    }
  }
  return 0;
}

// kill() returns before the last thread has stopped.
void stop_process(pid_t pid) {
  REQUIRE(kill(pid, SIGSTOP) == 0);
  while (!os::is_stopped(pid)) {
    std::this_thread::yield();
  }
}

std::size_t lane_mappings() {
  const std::string maps = read_file("/proc/self/maps");
  std::size_t count = 0;
  for (auto at = maps.find("ringfleet lane"); at != std::string::npos; at = maps.find("ringfleet lane", at + 1)) {
    ++count;
  }
  return count;
}

// The client looks now and then whether a lane is in use; nothing has to happen for it.
void check_lane_mappings_come_back_to(std::size_t before) {
  const auto give_up = std::chrono::steady_clock::now() + 60s;
  while (lane_mappings() != before && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::yield();
  }
  CHECK(lane_mappings() == before);
}

} // namespace

TEST_CASE("fleet: every way to die in a call is named to its caller, and other modules serve on") { // F6, fault 10 11
                                                                                                    // 12 13 20
  const RuntimeDirectory directory;
  Listener listener;
  auto options = listener.options();
  options.unlimited_restarts = true;
  Fleet fleet(topology_of({module_of("bad", shipped("misbehave")), module_of("echo", shipped("echo"), 2)}), options);
  const Method echo = fleet.method("echo", "echo");
  const std::set<pid_t> before{pid_of(fleet, "echo", 0), pid_of(fleet, "echo", 1)};

  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> answered{0};
  std::atomic<std::uint64_t> wrong{0};
  std::thread load([&] {
    for (std::uint64_t i = 0; !stop; ++i) {
      const Reply reply = echo.call(std::to_string(i), {20s});
      wrong += reply.text() != std::to_string(i);
      ++answered;
    }
  });
  struct Death {
    const char* method;
    const char* cause;
  };
  for (const Death& death : {Death{"segfault", "SIGSEGV"}, Death{"abort", "SIGABRT"}, Death{"exit", "exited with"},
                             Death{"overflow_stack", "SIGSEGV"}, Death{"scribble", ""}}) {
    CAPTURE(death.method);
    const Reply reply = fleet.call("bad", death.method, "", {20s});
    if (std::string_view(death.method) == "scribble") {
      // It wrecks its own memory only. What its caller sees first: the nonsense there, or the runner's death.
      const bool nonsense = reply.status() == CallStatus::bad_reply;
      CHECK((nonsense || reply.status() == CallStatus::runner_lost));
      CHECK_MESSAGE(contains(reply.error(), "bad.scribble"), reply.error());
      CHECK_MESSAGE(
          contains(reply.error(), nonsense ? "its module wrote over the runner's memory; it is ended" : "SIG"),
          reply.error());
    } else {
      CHECK(reply.status() == CallStatus::runner_lost);
      CHECK(contains(reply.error(), std::string("bad.") + death.method));
      CHECK_MESSAGE(contains(reply.error(), death.cause), reply.error());
    }
    CHECK(fleet.call("bad", "ok", "", {20s}).ok()); // its successor serves
  }
  for (const char* method : {"throw_exception", "exhaust_memory"}) {
    CHECK(fleet.call("bad", method, "", {20s}).status() == CallStatus::module_exception);
  }
  for (const char* method : {"loop", "deadlock"}) {
    const CallStatus status = fleet.call("bad", method, "", {20ms}).status();
    // A caller that gets no core until its runner has been ended finds the runner lost.
    CHECK((status == CallStatus::deadline_exceeded || status == CallStatus::runner_lost));
    CHECK(fleet.call("bad", "ok", "", {20s}).ok()); // after the hung one has been ended
  }
  stop = true;
  load.join();
  CHECK(answered > 0);
  CHECK(wrong == 0);
  CHECK(std::set<pid_t>{pid_of(fleet, "echo", 0), pid_of(fleet, "echo", 1)} == before);
}

TEST_CASE("fleet: a call that never ends gets its runner killed as hung") { // F8, fault 18
  const RuntimeDirectory directory;
  Listener listener;
  Fleet fleet(topology_of({module_of("bad", shipped("misbehave"))}), listener.options());
  const Reply reply = fleet.call("bad", "loop", "", {20ms});
  CHECK(reply.status() == CallStatus::deadline_exceeded);
  CHECK(listener.wait_for_event("killed: hung"));
  CHECK(fleet.call("bad", "ok", "", {20s}).ok());
}

TEST_CASE("fleet: a stopped runner is ended when it stays so, and another one serves") { // F8, fault 8
  const RuntimeDirectory directory;
  Listener listener;
  auto module = module_of("echo", shipped("echo"));
  module.call_timeout = 200ms;
  Fleet fleet(topology_of({module}), listener.options());
  REQUIRE(fleet.call("echo", "echo", "warm").ok());
  stop_process(pid_of(fleet, "echo"));
  const Reply reply = fleet.call("echo", "echo", "waits for the successor", {20s});
  CHECK_MESSAGE(reply.ok(), reply.error());
  CHECK(reply.runner() == 2);
  CHECK(reply.retries() == 1);
  CHECK(listener.wait_for_event("killed: stopped"));
}

TEST_CASE("fleet: a runner that is stopped and continued in time is left alone") { // fault 9
  const RuntimeDirectory directory;
  Fleet fleet(topology_of({module_of("echo", shipped("echo"))}));
  REQUIRE(fleet.call("echo", "echo", "warm").ok());
  const pid_t pid = pid_of(fleet, "echo");
  stop_process(pid);
  PendingCall call = fleet.method("echo", "echo").start("patience", {20s});
  REQUIRE(kill(pid, SIGCONT) == 0);
  CHECK(call.get().text() == "patience");
  CHECK(pid_of(fleet, "echo") == pid);
}

TEST_CASE("fleet: a cancelled call that its runner never started is not executed elsewhere") { // F5
  const RuntimeDirectory directory;
  Fleet fleet(topology_of({module_of("bad", shipped("misbehave"))}));
  PendingCall endless = fleet.method("bad", "loop").start("", {50ms});
  PendingCall queued = fleet.method("bad", "ok").start("", {20s});
  queued.cancel();
  CHECK_FALSE(endless.get().ok());
  CHECK(queued.get().status() == CallStatus::cancelled); // when the loop's runner has been ended
  CHECK(fleet.call("bad", "ok", "", {20s}).ok());
}

TEST_CASE(
    "fleet: a call that was cancelled and never executed does not keep the lane of its dead runner") { // F5, fault 43
  const RuntimeDirectory directory;
  FleetOptions options;
  options.unlimited_restarts = true;
  Fleet fleet(topology_of({module_of("bad", shipped("misbehave"))}), options);
  REQUIRE(fleet.call("bad", "ok", "", {20s}).ok());
  const std::size_t before = lane_mappings();
  PendingCall endless = fleet.method("bad", "loop").start("", {50ms});
  PendingCall queued = fleet.method("bad", "ok").start("", {20s});
  queued.cancel();
  CHECK_FALSE(endless.get().ok());
  CHECK(queued.get().status() == CallStatus::cancelled);
  check_lane_mappings_come_back_to(before);
}

TEST_CASE("fleet: a reply that is kept keeps the lane of its dead runner, and nothing keeps it afterwards") {
  const RuntimeDirectory directory;
  Fleet fleet(topology_of({module_of("echo", shipped("echo"))}, "kept"));
  const auto check = [&](const Method& echo) { // the only client with lanes
    REQUIRE(echo.call("there", {20s}).ok());
    const std::size_t before = lane_mappings();
    Reply kept = echo.call("kept", {20s});
    REQUIRE(kept.ok());
    REQUIRE(kill(pid_of(fleet, "echo"), SIGKILL) == 0);
    while (true) { // all news of the death are there when its successor answers
      const Reply reply = echo.call("again", {20s});
      if (reply.ok() && reply.runner() != kept.runner()) {
        break;
      }
    }
    (void)fleet.status(); // the scheduler has let go of the dead runner
    CHECK(kept.text() == "kept");
    CHECK(lane_mappings() > before);
    kept.release();
    check_lane_mappings_come_back_to(before);
  };
  SUBCASE("in a client") {
    Client client("kept");
    check(client.method("echo", "echo"));
  }
  SUBCASE("in the scheduler's own process") {
    check(fleet.method("echo", "echo"));
  }
}

TEST_CASE("fleet: the calls that a stopped runner had not started move on when it dies") { // F8, fault 8
  const RuntimeDirectory directory;
  Listener listener;
  Fleet fleet(topology_of({module_of("echo", shipped("echo"), 2)}), listener.options());
  const Method echo = fleet.method("echo", "echo");
  // A runner whose lane is not open yet would get none of them.
  for (std::set<std::uint64_t> answered; answered.size() < 2;) {
    std::vector<PendingCall> warm;
    for (int i = 0; i < 8; ++i) {
      warm.push_back(echo.start("warm", {20s}));
    }
    for (PendingCall& call : warm) {
      answered.insert(call.get().runner());
    }
  }
  const pid_t stopped = pid_of(fleet, "echo", 0);
  const pid_t other = pid_of(fleet, "echo", 1);
  stop_process(stopped);
  stop_process(other); // so that both lanes fill alike
  std::vector<PendingCall> calls;
  for (int i = 0; i < 40; ++i) {
    calls.push_back(echo.start(std::to_string(i), {20s}));
  }
  // Half of them wait in the stopped runner's lane. Its end sets them free.
  REQUIRE(kill(other, SIGCONT) == 0);
  REQUIRE(kill(stopped, SIGKILL) == 0);
  int moved = 0;
  for (int i = 0; i < 40; ++i) {
    const Reply reply = calls[static_cast<std::size_t>(i)].get();
    REQUIRE_MESSAGE(reply.ok(), reply.error());
    CHECK(reply.text() == std::to_string(i));
    moved += reply.retries() != 0;
  }
  CHECK(moved > 0);
}

TEST_CASE("fleet: runners killed at random under load lose no call and answer none twice") { // F7, fault 1 5
  const RuntimeDirectory directory;
  FleetOptions options;
  options.unlimited_restarts = true;
  auto module = module_of("echo", shipped("echo"), 2);
  module.slots = 16;
  Fleet fleet(topology_of({module}), options);
  const Method echo = fleet.method("echo", "echo");
  const std::uint64_t seed = std::random_device{}();
  MESSAGE("seed ", seed);
  std::mt19937_64 random(seed);

  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> answered{0};
  std::atomic<std::uint64_t> failed{0};
  std::atomic<std::uint64_t> wrong{0};
  std::vector<std::thread> callers;
  for (int thread = 0; thread < 3; ++thread) {
    callers.emplace_back([&, thread] {
      for (std::uint64_t i = 0; !stop; ++i) {
        const std::string text = std::to_string(thread) + ":" + std::to_string(i);
        ++accepted;
        const Reply reply = thread == 0 ? echo.start(text, {30s}).get() : echo.call(text, {30s});
        if (reply.ok()) {
          wrong += reply.text() != text;
          ++answered;
        } else {
          wrong += reply.status() != CallStatus::runner_lost;
          ++failed;
        }
      }
    });
  }
  for (int kills = 0; kills < 200; ++kills) {
    const std::uint64_t goal = answered + 20 + random() % 200;
    while (answered < goal) {
      std::this_thread::yield();
    }
    if (const pid_t victim = pid_of(fleet, "echo", random() % 2); victim != 0) {
      kill(victim, SIGKILL);
    }
  }
  stop = true;
  for (auto& caller : callers) {
    caller.join();
  }
  CHECK(wrong == 0);
  CHECK(accepted == answered + failed);
  MESSAGE(accepted.load(), " calls, ", failed.load(), " ended with their runner");
}

TEST_CASE("fleet: after many deaths there is as much of everything as before") { // RELIABILITY R
  const RuntimeDirectory directory;
  FleetOptions options;
  options.unlimited_restarts = true;
  Fleet fleet(topology_of({module_of("bad", shipped("misbehave"))}), options);
  REQUIRE(fleet.call("bad", "ok", "", {20s}).ok());
  (void)fleet.status(); // the scheduler's thread has let go of the lane's descriptors when it answers
  const Resources before;
  for (int i = 0; i < 30; ++i) {
    CHECK(fleet.call("bad", "abort", "", {20s}).status() == CallStatus::runner_lost);
  }
  REQUIRE(fleet.call("bad", "ok", "", {20s}).ok());
  check_resources_come_back_to(before);
}

TEST_CASE("fleet: a module that dies again and again is refused at once instead of keeping callers waiting") { // F8
  const RuntimeDirectory directory;
  Listener listener;
  Fleet fleet(topology_of({module_of("bad", shipped("misbehave"))}), listener.options());
  for (int i = 0; i < 5; ++i) {
    CHECK(fleet.call("bad", "abort", "", {20s}).status() == CallStatus::runner_lost);
  }
  const Reply refused = fleet.call("bad", "ok", "", {20s});
  CHECK(refused.status() == CallStatus::no_runner);
  CHECK_MESSAGE(
      contains(refused.error(), "call bad.ok: no runner serves the module: it crashes in a loop, last: runner "),
      refused.error());
  CHECK_MESSAGE(contains(refused.error(), "killed by SIGABRT"), refused.error());
  CHECK_MESSAGE(contains(refused.error(), "; the next start is in "), refused.error());
  CHECK_MESSAGE(contains(refused.error(), "(reload it with a version that works)"), refused.error());
  CHECK(fleet.status().modules.front().state == "Failed");
}

TEST_CASE("fleet: modules that cannot be started are refused by name, and leave nothing behind") { // F1, fault 22 23
  const RuntimeDirectory directory;
  write_file(directory.scratch().file("text.so"), "this is not a module");
  struct Bad {
    std::string path;
    const char* part;
  };
  for (const Bad& bad :
       {Bad{directory.scratch().file("missing.so"), "missing.so"}, Bad{directory.scratch().file("text.so"), "ELF"},
        Bad{test_module("no_symbols"), "ringfleet_module"}, Bad{test_module("wrong_abi_version"), "ABI"},
        Bad{test_module("wrong_struct_size"), "size"}, Bad{test_module("constructor_aborts"), "SIGABRT"},
        Bad{test_module("undefined_symbol"), "undefined symbol"}, Bad{test_module("init_fails"), "init"}}) {
    CAPTURE(bad.path);
    const std::string error = error_of([&] { Fleet fleet(topology_of({module_of("bad", bad.path)})); });
    CHECK_MESSAGE(contains(error, bad.part), error);
    CHECK(contains(error, "'bad'"));
  }
  for (const char* name : {"constructor_hangs", "init_hangs"}) {
    auto module = module_of("bad", test_module(name));
    module.start_timeout = 300ms;
    const std::string error = error_of([&] { Fleet fleet(topology_of({module})); });
    CHECK_MESSAGE(contains(error, "start_timeout"), error);
  }
}
