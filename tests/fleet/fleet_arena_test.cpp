// Payloads that are larger than a slot, whose arena a runner maps late because it stands still.

#include "fleet_fixture.hpp"
#include "ringfleet/os/process.hpp"

#include <array>
#include <csignal>
#include <string>

using namespace ringfleet;
using namespace ringfleet::test;

TEST_CASE("fleet: an arena that comes when its call is over, and was asked for again, has the bytes that are sent") {
  const RuntimeDirectory directory;
  Fleet fleet(topology_of({module_of("echo", shipped("echo"))}));
  const Method echo = fleet.method("echo", "echo");
  REQUIRE(echo.call("small", {20s}).ok());
  const pid_t runner = fleet.status().modules.at(0).runners.at(0).pid;
  REQUIRE(kill(runner, SIGSTOP) == 0);
  while (!os::is_stopped(runner)) { // kill() returns before the last thread has stopped
    std::this_thread::yield();
  }
  // Each of these asks for an arena, which the runner cannot map; the deadline of the call is the end of that.
  for (const std::size_t bytes : {100'000U, 200'000U, 3'000'000U}) {
    CHECK(echo.call(std::string(bytes, 'x'), {50ms}).status() == CallStatus::no_space);
  }
  REQUIRE(kill(runner, SIGCONT) == 0);
  for (const std::size_t bytes : {300'000U, 100'000U, 3'000'000U, 200'000U, 50'000U}) {
    const std::string text(bytes, 'y');
    const Reply reply = echo.call(text, {120s});
    CHECK_MESSAGE(reply.ok(), reply.error());
    CHECK(reply.text() == text);
  }
  CHECK(fleet.status().modules.at(0).runners.at(0).pid == runner);
}
