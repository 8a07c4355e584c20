// Calls through a running fleet: the way in, every outcome, sizes, threads, asynchronous calls.

#include "fleet_fixture.hpp"
#include "ringfleet/base/limits.hpp"

#include <array>
#include <cstring>
#include <numeric>

using namespace ringfleet;
using namespace ringfleet::test;

TEST_CASE("fleet: a call reaches the module and comes back") { // F1 F3 F5
  const RuntimeDirectory directory;
  Fleet fleet(topology_of({module_of("echo", shipped("echo"))}));
  const Reply reply = fleet.call("echo", "echo", "hello");
  CHECK(reply.status() == CallStatus::ok);
  CHECK(reply.text() == "hello");
  CHECK(reply.runner() == 1);
  CHECK_FALSE(reply.version().empty());
  CHECK(reply.error().empty());
}

TEST_CASE("fleet: unknown modules and methods are named") {
  const RuntimeDirectory directory;
  Fleet fleet(topology_of({module_of("echo", shipped("echo"))}));
  const Reply no_module = fleet.call("eko", "echo", "x");
  CHECK(no_module.status() == CallStatus::unknown_module);
  CHECK(contains(no_module.error(), "'eko'"));
  CHECK(contains(no_module.error(), "'echo'"));
  const Reply no_method = fleet.call("echo", "shout", "x");
  CHECK(no_method.status() == CallStatus::unknown_method);
  CHECK(contains(no_method.error(), "echo.shout"));
  CHECK(contains(error_of([&] { (void)fleet.method("nothing", "x"); }), "has no module 'nothing'"));
}

TEST_CASE("fleet: payloads of every size travel both ways unchanged") { // F5, RELIABILITY 37
  const RuntimeDirectory directory;
  Fleet fleet(topology_of({module_of("echo", shipped("echo"))}));
  const Method echo = fleet.method("echo", "echo");
  for (const std::size_t size :
       {0UL, 1UL, 63UL, 64UL, 1023UL, 1024UL, 1025UL, 4096UL, 262'144UL, 1'048'577UL, 67'108'864UL}) {
    CAPTURE(size);
    std::vector<std::byte> payload(size);
    for (std::size_t i = 0; i < size; ++i) {
      payload[i] = static_cast<std::byte>(i * 31 + i / 255);
    }
    const Reply reply = echo.call(payload, {30s});
    REQUIRE_MESSAGE(reply.ok(), reply.error());
    REQUIRE(reply.bytes().size() == size);
    CHECK(std::ranges::equal(reply.bytes(), payload));
  }
  const Reply too_large = echo.call(std::vector<std::byte>(67'108'865));
  CHECK(too_large.status() == CallStatus::too_large);
}

TEST_CASE("fleet: many threads on one lane lose, double and mix nothing") { // F5
  const RuntimeDirectory directory;
  auto module = module_of("echo", shipped("echo"), 2);
  module.slots = 8;
  Fleet fleet(topology_of({module}));
  const Method echo = fleet.method("echo", "echo");
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (std::uint64_t thread = 0; thread < 6; ++thread) {
    threads.emplace_back([&, thread] {
      for (std::uint64_t i = 0; i < 2'000; ++i) {
        const std::array<std::uint64_t, 2> message{thread, i};
        const Reply reply = echo.call(std::as_bytes(std::span(message)), {20s});
        std::array<std::uint64_t, 2> back{};
        if (reply.ok() && reply.bytes().size() == sizeof back) {
          std::memcpy(back.data(), reply.bytes().data(), sizeof back);
        }
        wrong += back != message;
      }
    });
  }
  for (auto& thread : threads) {
    thread.join();
  }
  CHECK(wrong == 0);
}

TEST_CASE("fleet: calls can be started, waited for in any order, and dropped") { // F5
  const RuntimeDirectory directory;
  Fleet fleet(topology_of({module_of("echo", shipped("echo"))}));
  const Method echo = fleet.method("echo", "echo");
  std::vector<PendingCall> calls;
  for (int i = 0; i < 100; ++i) {
    calls.push_back(echo.start(std::to_string(i), {20s}));
  }
  calls.erase(calls.begin() + 50); // abandoned
  for (std::size_t i = calls.size(); i-- > 0;) {
    const Reply reply = calls[i].get();
    CHECK(reply.ok());
    CHECK(reply.text() == std::to_string(i < 50 ? i : i + 1));
  }
}

TEST_CASE("fleet: a full lane hands finished loose replies out and never mixes them up") { // F5, DESIGN 7
  const RuntimeDirectory directory;
  auto module = module_of("echo", shipped("echo"));
  module.slots = 4;
  Fleet fleet(topology_of({module}));
  const Method echo = fleet.method("echo", "echo");
  std::vector<PendingCall> calls;
  for (int i = 0; i < 64; ++i) { // sixteen times the depth of the lane
    calls.push_back(echo.start(std::to_string(i), {20s}));
  }
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const Reply reply = calls[i].get();
    REQUIRE_MESSAGE(reply.ok(), reply.error());
    CHECK(reply.text() == std::to_string(i));
  }
}

TEST_CASE("fleet: assigning over a reply or a pending call that holds a slot gives the slot back") { // STYLE 17
  const RuntimeDirectory directory;
  auto module = module_of("echo", shipped("echo"));
  module.slots = 4;
  Fleet fleet(topology_of({module}));
  const Method echo = fleet.method("echo", "echo");
  std::vector<Reply> held;
  for (int i = 0; i < 4; ++i) {
    held.push_back(echo.call(std::to_string(i), {20s}));
    REQUIRE_MESSAGE(held.back().ok(), held.back().error());
  }
  CHECK_FALSE(echo.call("no slot is left", {50ms}).ok());
  held[0] = std::move(held[1]); // the oldest slot, and so the next one to be used again
  CHECK(held[0].text() == "1");
  CHECK(held[1].bytes().empty());
  CHECK(echo.call("one is back", {20s}).ok());

  held.clear();
  PendingCall last;
  for (int i = 0; i < 32; ++i) {
    last = echo.start(std::to_string(i), {20s});
  }
  CHECK(last.get().text() == "31");
  CHECK_FALSE(last.valid());
  CHECK(echo.call("and all the others", {20s}).ok());
}

TEST_CASE("fleet: a call that passes its deadline says so, and the lane stays usable") {
  const RuntimeDirectory directory;
  Fleet fleet(topology_of({module_of("bad", shipped("misbehave")), module_of("echo", shipped("echo"))}));
  const Reply late = fleet.call("bad", "loop", "", {50ms});
  CHECK(late.status() == CallStatus::deadline_exceeded);
  CHECK(contains(late.error(), "bad.loop"));
  CHECK(fleet.call("echo", "echo", "still here").text() == "still here");
}

TEST_CASE("fleet: an exception that leaves the module is a status with its text") { // F6, fault 13
  const RuntimeDirectory directory;
  Fleet fleet(topology_of({module_of("bad", shipped("misbehave"))}));
  const Reply thrown = fleet.call("bad", "throw_exception", "");
  CHECK(thrown.status() == CallStatus::module_exception);
  CHECK(fleet.call("bad", "ok", "").ok());
}

TEST_CASE("fleet: a module can call another one, but not one that is waiting for it") { // F3
  const RuntimeDirectory directory;
  Fleet fleet(topology_of({module_of("nested", test_module("nested_caller")),
                           module_of("other", test_module("nested_caller")), module_of("echo", shipped("echo"))}));
  const Reply one = fleet.call("nested", "relay", "echo echo deep", {20s});
  REQUIRE_MESSAGE(one.ok(), one.error());
  CHECK(one.text() == "deep");
  CHECK(fleet.call("nested", "relay", "other relay echo echo deeper", {20s}).text() == "deeper");
  const Reply cycle = fleet.call("nested", "relay", "other relay nested relay echo echo never", {20s});
  CHECK(contains(std::string(cycle.text()), "status " + std::to_string(static_cast<int>(CallStatus::call_cycle))));
}

TEST_CASE("fleet: a request may pass through five modules, the last one included, and not through a sixth") { // F3
  const RuntimeDirectory directory;
  std::vector<fleet::ModuleSpec> modules{module_of("echo", shipped("echo"))};
  for (std::size_t i = 0; i < limits::call_depth_max; ++i) {
    modules.push_back(module_of("n" + std::to_string(i), test_module("nested_caller")));
  }
  Fleet fleet(topology_of(modules));
  // "n0" is called with "n1 relay n2 relay … echo echo PAYLOAD"
  const auto through = [&](std::size_t callers, const std::string& payload) {
    std::string request;
    for (std::size_t i = 1; i < callers; ++i) {
      request += "n" + std::to_string(i) + " relay ";
    }
    return fleet.call("n0", "relay", request + "echo echo " + payload, {20s});
  };
  const Reply deepest = through(limits::call_depth_max - 1, "at the bottom");
  REQUIRE_MESSAGE(deepest.ok(), deepest.error());
  CHECK(deepest.text() == "at the bottom");
  const Reply too_deep = through(limits::call_depth_max, "never");
  REQUIRE_MESSAGE(too_deep.ok(), too_deep.error());
  CHECK(too_deep.text() == "status " + std::to_string(static_cast<int>(CallStatus::call_too_deep)) + " code 0");
  CHECK(to_string(CallStatus::call_too_deep) == "call_too_deep");
  CHECK(through(limits::call_depth_max - 1, "as before").text() == "as before");
}
