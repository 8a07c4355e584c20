// A scheduler process that stands still for a while, as in a debugger, under SIGSTOP or in a virtual machine that is
// moved: calls go on without it, who asks it is told, and when it goes on it takes nobody's time for its own
// (faults 17, 33).

#include "played_by_child.hpp"
#include "ringfleet/fleet/client.hpp"
#include "ringfleet/os/process.hpp"

#include <algorithm>
#include <csignal>
#include <map>
#include <set>

#include <fcntl.h>
#include <sys/stat.h>

using namespace ringfleet;
using namespace ringfleet::test;

namespace {

constexpr auto start_timeout = 8s;

std::string fifo(const std::string& name) {
  return os::runtime_base_path() + "/" + name + ".fifo";
}

// Returns when somebody has opened it for reading; lets them go at the end of the descriptor.
os::Descriptor hold_reader(const std::string& name) {
  os::Descriptor writer(open(fifo(name).c_str(), O_WRONLY | O_CLOEXEC));
  REQUIRE(writer);
  return writer;
}

std::map<std::string, std::set<pid_t>> pids_by_module(const FleetStatus& status) {
  std::map<std::string, std::set<pid_t>> pids;
  for (const ModuleStatus& module : status.modules) {
    for (const RunnerStatus& runner : module.runners) {
      pids[module.id].insert(runner.pid);
    }
  }
  return pids;
}

} // namespace

TEST_CASE("child: a scheduler that is stopped and continued" * doctest::skip()) {
  auto starting = module_of("starting", test_module("held"));
  starting.config = R"({"fifo":")" + fifo("starting") + R"("})";
  starting.start_timeout = start_timeout;
  Fleet fleet(
      topology_of({module_of("echo", shipped("echo"), 2), module_of("busy", test_module("held")), starting}, "paused"));
  write_file(marker(), "");
  fleet.wait_for_stop();
}

TEST_CASE(
    "scheduler: stopped for longer than anybody may take, it delays no call, its operators are told, and it goes on "
    "without ending anybody for the time that it missed (faults 17, 33)") {
  const RuntimeDirectory directory;
  auto scheduler = start_child("child: a scheduler that is stopped and continued");
  wait_for_file(marker());
  Client client("paused", 60s);
  Client operating("paused");
  Client impatient("paused", 1s);
  Client newcomer("paused", 1s);
  const Method echo = client.method("echo", "echo");
  REQUIRE(echo.call("warm", {20s}).ok());

  // A call in execution, whose deadline will pass; and a new version that is being started.
  REQUIRE(mkfifo(fifo("busy").c_str(), 0600) == 0);
  REQUIRE(mkfifo(fifo("starting").c_str(), 0600) == 0);
  PendingCall held = client.method("busy", "hold").start(fifo("busy"), {5s});
  const MonotonicNs hung_at = deadline_after(monotonic_now(), 5s + limits::hung_after_deadline);
  os::Descriptor busy = hold_reader("busy");
  std::string failed;
  DeployReport report;
  std::thread deploying(
      [&] { failed = error_of([&] { report = operating.reload("starting", test_module("held")); }); });
  os::Descriptor starting = hold_reader("starting");
  const MonotonicNs too_late = std::max(hung_at, deadline_after(monotonic_now(), start_timeout));
  const auto pids = pids_by_module(client.status());
  // Meanwhile the scheduler sees it in execution.
  CHECK(client.call("busy", "echo", {}, {600ms}).status() == CallStatus::deadline_exceeded);

  REQUIRE(scheduler.signal(SIGSTOP));
  while (!os::is_stopped(scheduler.pid())) {
    std::this_thread::yield();
  }
  for (int i = 0; i < 1'000; ++i) {
    const Reply reply = echo.call(std::to_string(i), {20s});
    REQUIRE_MESSAGE(reply.text() == std::to_string(i), reply.error());
  }
  const std::string unanswered = error_of([&] { (void)impatient.status(); });
  CHECK_MESSAGE(contains(unanswered, "fleet 'paused'"), unanswered);
  CHECK_MESSAGE(contains(unanswered, "no answer within 1000 ms (it is stopped or hangs"), unanswered);
  const std::string unheard = error_of([&] { (void)newcomer.method("echo", "echo"); });
  CHECK_MESSAGE(contains(unheard, "no answer within 1000 ms (it is stopped or hangs"), unheard);
  CHECK(held.get().status() == CallStatus::deadline_exceeded);
  while (monotonic_now() <= deadline_after(too_late, 500ms)) {
    CHECK(contains(error_of([&] { (void)impatient.show("echo"); }), "no answer"));
  }

  REQUIRE(scheduler.signal(SIGCONT));
  (void)client.status();
  (void)client.status(); // what was due at its first look round has happened
  busy.reset();
  starting.reset();
  deploying.join();
  CHECK_MESSAGE(failed.empty(), failed);
  CHECK_FALSE(report.forced);
  CHECK(client.call("busy", "echo", {}, {20s}).ok());
  const FleetStatus after = client.status();
  CHECK(pids_by_module(after).at("echo") == pids.at("echo"));
  CHECK(pids_by_module(after).at("busy") == pids.at("busy"));
  for (const ModuleStatus& module : after.modules) {
    CAPTURE(module.id);
    CHECK(module.restarts == 0);
    CHECK(module.last_error.empty());
  }
  // Who was told that it does not answer asks again, over the connection that there is.
  const auto give_up = std::chrono::steady_clock::now() + 60s;
  const auto is_served = [&] {
    try {
      return newcomer.method("echo", "echo").call("now", {20s}).ok() && impatient.status().name == "paused" &&
             impatient.show("echo").id == "echo";
    } catch (const Error& error) {
      REQUIRE_MESSAGE(error.code() == ErrorCode::timed_out, error.what());
      REQUIRE(std::chrono::steady_clock::now() < give_up);
      return false;
    }
  };
  while (!is_served()) {
  }
}
