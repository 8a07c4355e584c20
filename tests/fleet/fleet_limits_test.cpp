// Modules that take all there is: they are refused at their own limit, by name, and nobody else notices.

#include "fleet_fixture.hpp"
#include "pids_of.hpp"
#include "ringfleet/fleet/client.hpp"

using namespace ringfleet;
using namespace ringfleet::test;

TEST_CASE("fleet: a module that leaks descriptors loses its own ability to get more, by name, and nobody else does "
          "(fault 16)") {
  const RuntimeDirectory directory;
  Listener listener;
  auto module = module_of("greedy", test_module("greedy"));
  module.descriptor_limit = 64;
  Fleet fleet(topology_of({module, module_of("echo", shipped("echo"))}, "leaking"), listener.options());
  const std::set<pid_t> greedy = pids_of(fleet, "greedy");
  const std::set<pid_t> echo = pids_of(fleet, "echo");
  const Reply leaked = fleet.call("greedy", "leak_descriptors", "", {60s});
  REQUIRE_MESSAGE(leaked.ok(), leaked.error());
  const auto count = std::stoul(std::string(leaked.text()));
  CHECK(count > 40);
  CHECK(count < 64);
  CHECK(fleet.call("greedy", "echo", "by the lane that it has", {20s}).text() == "by the lane that it has");
  CHECK(pids_of(fleet, "greedy") == greedy);
  // A lane for somebody new comes in descriptors that it cannot take: it ends, by name, and its successor can.
  Client client("leaking");
  const Reply reply = client.method("greedy", "echo").call("from outside", {20s});
  CHECK_MESSAGE(reply.text() == "from outside", reply.error());
  CHECK(listener.wait_for_line("greedy: ringfleet-runner: receive a message: the descriptors it carries were lost"));
  CHECK(pids_of(fleet, "greedy") != greedy);
  CHECK(client.method("echo", "echo").call("from outside", {20s}).text() == "from outside");
  CHECK(pids_of(fleet, "echo") == echo);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
// The shadow memory of the sanitizers has no limit, and their allocators end the process instead of refusing.
TEST_CASE("fleet: a module that allocates without end is refused at its memory_limit, or dies alone (fault 12)") {
  const RuntimeDirectory directory;
  Listener listener;
  auto module = module_of("greedy", test_module("greedy"));
  module.memory_limit_bytes = 64 << 20;
  Fleet fleet(topology_of({module, module_of("echo", shipped("echo"))}), listener.options());
  const std::set<pid_t> greedy = pids_of(fleet, "greedy");
  const std::set<pid_t> echo = pids_of(fleet, "echo");
  const Reply leaked = fleet.call("greedy", "leak_memory", "", {60s});
  REQUIRE_MESSAGE(leaked.ok(), leaked.error());
  const auto mebibytes = std::stoul(std::string(leaked.text()));
  CHECK(mebibytes > 32);
  CHECK(mebibytes < 64);
  // With nothing left, what needs nothing goes on.
  CHECK(fleet.call("greedy", "echo", "no memory needed", {20s}).text() == "no memory needed");
  CHECK(pids_of(fleet, "greedy") == greedy);
  const Reply blind = fleet.call("greedy", "leak_memory_blindly", "", {60s});
  CHECK(blind.status() == CallStatus::runner_lost);
  CHECK_MESSAGE(contains(blind.error(), "greedy.leak_memory_blindly"), blind.error());
  CHECK_MESSAGE(contains(blind.error(), "SIGSEGV"), blind.error());
  CHECK(fleet.call("greedy", "echo", "the next one", {20s}).text() == "the next one");
  CHECK(fleet.call("echo", "echo", "unmoved", {20s}).text() == "unmoved");
  CHECK(pids_of(fleet, "echo") == echo);
}
#endif
