// Reload, unload, rollback, load at run time: nothing fails, nothing is lost, a failure changes nothing.
// RINGFLEET_TEST_ROUNDS: how many reloads in a row.

#include "../seed.hpp"
#include "fleet_fixture.hpp"
#include "pids_of.hpp"
#include "resources.hpp"
#include "ringfleet/base/version.hpp"
#include "ringfleet/call/control_message.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>

#include <sys/wait.h>

using namespace ringfleet;
using namespace ringfleet::test;

namespace {

// What a scheduler sends to a client that takes no lanes.
std::vector<call::ControlType> said_to(call::ControlChannel& client) {
  std::vector<call::ControlType> all;
  call::ControlMessage message;
  while (client.receive(message) == os::SocketStatus::ok) {
    all.push_back(message.type);
  }
  return all;
}

} // namespace

TEST_CASE(
    "deploy: a reload under load fails no call; before the flip the old version answers, after it the new") { // F10
  const RuntimeDirectory directory;
  Fleet fleet(topology_of({module_of("zstd", shipped("zstd_v1"), 2)}));
  const Method compress = fleet.method("zstd", "compress");
  REQUIRE(compress.call("abc").version() == "1.0.0");

  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> failed{0};
  std::atomic<std::uint64_t> interleaved{0};
  std::vector<std::thread> callers;
  for (int thread = 0; thread < 3; ++thread) {
    callers.emplace_back([&] {
      bool seen_new = false;
      while (!stop) {
        const Reply reply = compress.call("some text to compress", {20s});
        failed += !reply.ok();
        const bool is_new = reply.version() == "2.0.0";
        interleaved += seen_new && !is_new;
        seen_new |= is_new;
      }
    });
  }
  const DeployReport report = fleet.reload("zstd", shipped("zstd_v2"));
  stop = true;
  for (auto& caller : callers) {
    caller.join();
  }
  CHECK(failed == 0);
  CHECK(interleaved == 0);
  CHECK(report.from_version == "1.0.0");
  CHECK(report.to_version == "2.0.0");
  CHECK(report.accepted == report.answered + report.cancelled);
  CHECK(report.cancelled == 0);
  CHECK(compress.call("abc").version() == "2.0.0");
}

TEST_CASE("deploy: many reloads in a row under load keep every call and every resource (fault 42)") { // F10
  const RuntimeDirectory directory;
  Fleet fleet(topology_of({module_of("zstd", shipped("zstd_v1"))}));
  const Method compress = fleet.method("zstd", "compress");
  std::atomic<std::uint64_t> failed{0};
  std::atomic<std::uint64_t> calls{0};
  std::uint64_t done = 0;
  const auto reload_under_load = [&](std::uint64_t reloads) {
    std::atomic<bool> stop{false};
    std::thread caller([&] {
      while (!stop) {
        std::vector<PendingCall> pending;
        for (int i = 0; i < 8; ++i) {
          pending.push_back(compress.start("some text to compress", {20s}));
        }
        for (auto& call : pending) {
          failed += !call.get().ok();
          ++calls;
        }
      }
    });
    for (std::uint64_t i = 0; i < reloads; ++i) {
      const DeployReport report = fleet.reload("zstd", shipped(done++ % 2 == 0 ? "zstd_v2" : "zstd_v1"));
      CHECK(report.accepted == report.answered);
    }
    stop = true;
    caller.join();
    REQUIRE(compress.call("the lane is there").ok());
    (void)fleet.status(); // the scheduler's thread has let go of the lane's descriptors when it answers
  };
  reload_under_load(2); // what comes into being once is there now
  const Resources before;
  reload_under_load(rounds_or(std::max(60 / scale_down, 8U)));
  check_resources_come_back_to(before);
  CHECK(failed == 0);
  CHECK(calls > 0);
  const ModuleStatus status = fleet.status().modules.front();
  CHECK(status.reloads == done);
  CHECK(status.runners.size() == 1);
}

TEST_CASE(
    "deploy: clients that wait for a runner which cannot start again are told of the one that replaces it") { // F10
  const RuntimeDirectory directory;
  const auto file = (directory.scratch().path() / "witness").string();
  std::ofstream(file).flush();
  auto module = module_of("m", test_module("witness"));
  module.config = R"({"file":")" + file + R"("})";
  Listener listener;
  auto options = listener.options();
  options.unlimited_restarts = true;
  Fleet fleet(topology_of({module}, "told"), std::move(options));
  call::ControlChannel client(os::Socket::connect(fleet.status().directory + "/control"));
  REQUIRE(client.send({.type = call::ControlType::client_hello, .text = version}) == os::SocketStatus::ok);
  REQUIRE(client.send({.type = call::ControlType::subscribe, .text = "m"}) == os::SocketStatus::ok);
  std::filesystem::remove(file); // the module's init fails from now on
  kill(fleet.status().modules.at(0).runners.at(0).pid, SIGKILL);
  REQUIRE(listener.wait_for_event("died: killed by SIGKILL"));
  (void)said_to(client);
  (void)fleet.reload("m", shipped("echo")); // offers a lane first and puts the route in force then
  const auto said = said_to(client);
  const auto offered = std::ranges::find(said, call::ControlType::lane_offer_client);
  REQUIRE(offered != said.end());
  CHECK(std::find(offered, said.end(), call::ControlType::route_changed) != said.end());
  CHECK(fleet.call("m", "echo", "there").text() == "there");
}

TEST_CASE("deploy: a candidate that fails changes nothing, and a later deploy works") { // F12
  const RuntimeDirectory directory;
  Fleet fleet(topology_of({module_of("zstd", shipped("zstd_v1"))}));
  const Method compress = fleet.method("zstd", "compress");
  const std::uint64_t runner = compress.call("abc").runner();
  (void)fleet.status(); // the scheduler's thread has let go of the lane's descriptors when it answers
  const Resources before;
  struct Bad {
    const char* module;
    const char* why;
  };
  for (const Bad& bad :
       {Bad{"no_symbols", "ringfleet_module"}, Bad{"constructor_aborts", "SIGABRT"}, Bad{"init_fails", "init"},
        Bad{"undefined_symbol", "undefined symbol"}, Bad{"probe_fails", "its health check failed: "}}) {
    CAPTURE(bad.module);
    const std::string error = error_of([&] { (void)fleet.reload("zstd", test_module(bad.module)); });
    CHECK_MESSAGE(contains(error, "'zstd'"), error);
    CHECK_MESSAGE(contains(error, bad.why), error);
    CHECK_MESSAGE(contains(error, "the old version serves on, nothing was changed"), error);
    const Reply reply = compress.call("abc");
    CHECK(reply.version() == "1.0.0");
    CHECK(reply.runner() == runner);
  }
  CHECK(contains(error_of([&] { (void)fleet.reload("zstd", "/no/such/file.so"); }), "/no/such/file.so"));
  CHECK(fleet.status().modules.front().reloads_failed == 5);
  check_resources_come_back_to(before);
  CHECK(fleet.reload("zstd", shipped("zstd_v2")).to_version == "2.0.0");
}

TEST_CASE("deploy: candidates whose constructor or init never returns are ended after start_timeout, and change "
          "nothing") { // F12
  const RuntimeDirectory directory;
  auto one = module_of("one", shipped("zstd_v1"));
  auto two = module_of("two", shipped("zstd_v1"));
  one.start_timeout = two.start_timeout = 5s; // the good ones have to keep it as well
  Fleet fleet(topology_of({one, two}));
  const std::set<pid_t> pids_one = pids_of(fleet, "one");
  const std::set<pid_t> pids_two = pids_of(fleet, "two");
  REQUIRE(fleet.call("one", "compress", "abc").ok());
  REQUIRE(fleet.call("two", "compress", "abc").ok());
  (void)fleet.status(); // the scheduler's thread has let go of the lanes' descriptors when it answers
  const Resources before;
  std::string init_error;
  std::thread beside([&] { init_error = error_of([&] { (void)fleet.reload("two", test_module("init_hangs")); }); });
  const std::string constructor_error = error_of([&] { (void)fleet.reload("one", test_module("constructor_hangs")); });
  beside.join();
  for (const std::string& error : {constructor_error, init_error}) {
    CHECK_MESSAGE(contains(error, "start_timeout"), error);
    CHECK_MESSAGE(contains(error, "the old version serves on, nothing was changed"), error);
  }
  CHECK(contains(constructor_error, "'one'"));
  CHECK(contains(init_error, "'two'"));
  CHECK(fleet.call("one", "compress", "abc").version() == "1.0.0");
  CHECK(fleet.call("two", "compress", "abc").version() == "1.0.0");
  CHECK(pids_of(fleet, "one") == pids_one);
  CHECK(pids_of(fleet, "two") == pids_two);
  check_resources_come_back_to(before);
  CHECK(fleet.reload("one", shipped("zstd_v2")).to_version == "2.0.0");
}

TEST_CASE("deploy: a candidate that dies after its probe and before the flip changes nothing") { // F12
  const RuntimeDirectory directory;
  std::atomic<bool> armed{false};
  FleetOptions options;
  // On the scheduler's thread, which goes on to the flip: a client's lane to the candidate has to be there first, and
  // the candidate, dead by then, never takes it.
  options.on_event = [&](std::string_view event) {
    constexpr std::string_view mark = " ready, pid ";
    if (const auto at = event.find(mark); at != std::string_view::npos && armed.exchange(false)) {
      const pid_t candidate = std::stoi(std::string(event.substr(at + mark.size())));
      kill(candidate, SIGKILL);
      siginfo_t ended{};
      waitid(P_PID, static_cast<id_t>(candidate), &ended, WEXITED | WNOWAIT);
    }
  };
  Fleet fleet(topology_of({module_of("zstd", shipped("zstd_v1"))}), options);
  const Method compress = fleet.method("zstd", "compress");
  REQUIRE(compress.call("abc").ok());
  const std::set<pid_t> old = pids_of(fleet, "zstd");
  const Resources before;
  armed = true;
  const std::string error = error_of([&] { (void)fleet.reload("zstd", shipped("zstd_v2")); });
  CHECK_FALSE(armed);
  CHECK_MESSAGE(contains(error, "its candidate runner killed by SIGKILL"), error);
  CHECK_MESSAGE(contains(error, "the old version serves on, nothing was changed"), error);
  CHECK(compress.call("abc").version() == "1.0.0");
  CHECK(pids_of(fleet, "zstd") == old);
  CHECK(fleet.status().modules.front().restarts == 0);
  check_resources_come_back_to(before);
  CHECK(fleet.reload("zstd", shipped("zstd_v2")).to_version == "2.0.0");
}

TEST_CASE(
    "deploy: the same path with new content brings the new code; the old file may be overwritten meanwhile") { // F10
                                                                                                               // F15,
                                                                                                               // fault
                                                                                                               // 24
  const RuntimeDirectory directory;
  const std::string path = directory.scratch().file("live.so");
  write_file(path, read_file(shipped("zstd_v1")));
  Fleet fleet(topology_of({module_of("zstd", path)}));
  const Method compress = fleet.method("zstd", "compress");
  REQUIRE(compress.call("abc").version() == "1.0.0");
  write_file(path, read_file(shipped("zstd_v2"))); // in place, under the running module
  CHECK(compress.call("abc").version() == "1.0.0");
  CHECK(fleet.reload("zstd").to_version == "2.0.0");
  CHECK(compress.call("abc").version() == "2.0.0");
}

TEST_CASE("deploy: a call that outlasts the drain is ended at its deadline with an error of its own") { // F11
  const RuntimeDirectory directory;
  auto module = module_of("bad", shipped("misbehave"));
  module.drain_timeout = 100ms;
  Fleet fleet(topology_of({module}));
  PendingCall endless = fleet.method("bad", "loop").start("", {30s});
  while (fleet.method("bad", "ok").call("", {50ms}).status() != CallStatus::deadline_exceeded) {
    // the loop has begun when nothing else gets through
  }
  const DeployReport report = fleet.reload("bad", shipped("misbehave"));
  CHECK(report.forced);
  CHECK(report.cancelled == 1);
  const Reply reply = endless.get();
  CHECK(reply.status() == CallStatus::runner_lost);
  CHECK(contains(reply.error(), "drain deadline"));
  CHECK(fleet.call("bad", "ok", "", {20s}).ok());
}

TEST_CASE("deploy: modules can be loaded and unloaded at run time, and an id is free again afterwards") { // F9
  const RuntimeDirectory directory;
  Fleet fleet(topology_of({module_of("echo", shipped("echo"))}));
  fleet.load(module_of("zstd", shipped("zstd_v1")));
  const Method compress = fleet.method("zstd", "compress");
  CHECK(compress.call("abc").ok());
  CHECK(contains(error_of([&] { fleet.load(module_of("zstd", shipped("zstd_v1"))); }), "'zstd'"));
  fleet.unload("zstd");
  CHECK(compress.call("abc").status() == CallStatus::unknown_module);
  CHECK(contains(error_of([&] { fleet.unload("zstd"); }), "no module 'zstd'"));
  fleet.load(module_of("zstd", shipped("zstd_v2")));
  CHECK(compress.call("abc").version() == "2.0.0"); // the old handle finds the new module
  CHECK(contains(error_of([&] { fleet.load(module_of("bad", test_module("init_fails"))); }), "init"));
  CHECK(fleet.status().modules.size() == 2);
}

TEST_CASE("deploy: a module is unloaded from whatever state it is in; while it is being unloaded, a second one is "
          "refused") { // F9
  const RuntimeDirectory directory;
  const auto file = (directory.scratch().path() / "witness").string();
  const auto witness = [&](const std::string& id) {
    std::ofstream(file).flush();
    auto module = module_of(id, test_module("witness"));
    module.config = R"({"file":")" + file + R"("})";
    return module;
  };
  Listener listener;
  Fleet fleet(topology_of({module_of("echo", shipped("echo"))}), listener.options());
  REQUIRE(fleet.call("echo", "echo", "warm").ok());
  const auto state_of = [&](std::string_view id) -> std::string {
    for (const ModuleStatus& module : fleet.status().modules) {
      if (module.id == id) {
        return module.state;
      }
    }
    return "none";
  };
  const auto lose = [&](const std::string& id) { // its runner dies, and its init fails from now on
    std::filesystem::remove(file);
    for (const pid_t pid : pids_of(fleet, id)) {
      kill(pid, SIGKILL);
    }
  };
  const Resources before;

  fleet.load(witness("failed"));
  lose("failed");
  REQUIRE(listener.wait_for_event("module failed Failed"));
  CHECK(state_of("failed") == "Failed");
  fleet.unload("failed");
  CHECK(state_of("failed") == "none");
  CHECK(fleet.call("failed", "tell", "12345678").status() == CallStatus::unknown_module);

  // Between two of its runners, and with one under way that will never be ready.
  fleet.load(witness("starting"));
  lose("starting");
  REQUIRE(listener.wait_for_event("module starting Starting"));
  while (state_of("starting") == "Ready") {
  }
  const std::string state = state_of("starting");
  CHECK((state == "Starting" || state == "Failed")); // a busy machine may get to its fifth death
  fleet.unload("starting");
  CHECK(state_of("starting") == "none");

  auto slow = module_of("draining", shipped("misbehave"));
  slow.drain_timeout = 2s;
  fleet.load(slow);
  PendingCall endless = fleet.method("draining", "loop").start("", {30s});
  while (fleet.method("draining", "ok").call("", {50ms}).status() != CallStatus::deadline_exceeded) {
    // the loop has begun when nothing else gets through
  }
  std::thread first([&] { fleet.unload("draining"); });
  REQUIRE(listener.wait_for_event("module draining Draining"));
  const std::string refused = error_of([&] { fleet.unload("draining"); });
  const bool was_draining = contains(refused, "unload module 'draining': it is being deployed");
  CHECK_MESSAGE((was_draining || contains(refused, "has no module 'draining'")), refused);
  first.join();
  CHECK(endless.get().status() == CallStatus::runner_lost);
  CHECK(state_of("draining") == "none");

  fleet.load(witness("failed")); // each id is free again
  CHECK(fleet.call("failed", "tell", "12345678").text() == "12345678");
  fleet.unload("failed");
  CHECK(fleet.call("echo", "echo", "unmoved").text() == "unmoved");
  check_resources_come_back_to(before);
}

TEST_CASE("deploy: init runs once before any call and shutdown once at the end") { // F4
  const RuntimeDirectory directory;
  Listener listener;
  {
    Fleet fleet(topology_of({module_of("counter", test_module("init_counter"))}), listener.options());
    CHECK(fleet.call("counter", "counts", "").text() == "init=1 calls=1");
    CHECK(fleet.call("counter", "counts", "").text() == "init=1 calls=2");
  }
  CHECK_MESSAGE(contains(listener.all(), "shutdown=1 thread=same"), listener.all());
}

TEST_CASE("deploy: a shutdown that never returns is ended, and the fleet ends all the same") { // F4
  const RuntimeDirectory directory;
  Listener listener;
  {
    auto module = module_of("counter", test_module("init_counter"));
    module.config = R"({"hang": true})";
    auto topology = topology_of({module});
    topology.fleet.stop_timeout = 200ms;
    Fleet fleet(topology, listener.options());
  }
  CHECK_MESSAGE(contains(listener.all(), "died: "), listener.all());
}
