// The wall clock jumps, or the machine's clocks stand elsewhere: nothing waits longer or shorter, nobody is taken for
// hung, dead or late. The build file runs this program with jumping_clock.c preloaded; in a time namespace it runs
// itself. // fault 32

#include "fleet_fixture.hpp"
#include "ringfleet/channel/publisher.hpp"
#include "ringfleet/channel/subscriber.hpp"
#include "ringfleet/codec/raw.hpp"
#include "ringfleet/fleet/client.hpp"

#include <csignal>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <sched.h>
#include <sys/wait.h>

using namespace ringfleet;
using namespace ringfleet::test;

namespace {

pid_t pid_of(const Fleet& fleet, std::size_t module) {
  return fleet.status().modules.at(module).runners.at(0).pid;
}

bool maps_the_jumping_clock(pid_t pid) {
  std::ifstream maps("/proc/" + std::to_string(pid) + "/maps");
  for (std::string line; std::getline(maps, line);) {
    if (contains(line, "jumping_clock")) {
      return true;
    }
  }
  return false;
}

// Whatever in a fleet has to do with time: deadlines kept and missed, a hang, restarts with a pause, a deploy, a
// client.
void work_a_fleet() {
  const RuntimeDirectory directory;
  Listener listener;
  Fleet fleet(topology_of({module_of("echo", shipped("echo")), module_of("bad", shipped("misbehave")),
                           module_of("zstd", shipped("zstd_v1"))},
                          "clocks"),
              listener.options());
  const Method echo = fleet.method("echo", "echo");
  const pid_t runner = pid_of(fleet, 0);
  for (int i = 0; i < 500; ++i) {
    const Reply reply = i % 2 == 0 ? echo.call("in time", {60s}) : echo.start("in time", {60s}).get();
    REQUIRE_MESSAGE(reply.ok(), reply.error());
  }
  CHECK_FALSE(fleet.call("bad", "loop", "", {20ms}).ok());
  CHECK(listener.wait_for_event("killed: hung"));
  CHECK(fleet.call("bad", "ok", "", {60s}).ok());
  for (int i = 0; i < 2; ++i) { // the first successor comes at once, the second after a pause
    CHECK(fleet.call("bad", "abort", "", {60s}).status() == CallStatus::runner_lost);
    CHECK(fleet.call("bad", "ok", "", {60s}).ok());
  }
  CHECK(fleet.reload("zstd", shipped("zstd_v2")).to_version == "2.0.0");
  Client client("clocks");
  CHECK(client.call("echo", "echo", {}, {60s}).ok());
  CHECK(pid_of(fleet, 0) == runner);
}

void work_a_channel() {
  const RuntimeDirectory directory; // for the counters
  Publisher<std::uint64_t> out(memory::Place::heap());
  Subscriber<std::uint64_t> in(out.frames().space().share());
  CHECK(in.wait(deadline_after(monotonic_now(), 20ms)) == channel::WaitResult::timed_out);
  std::thread publishing([&] {
    for (std::uint64_t i = 0; i < 10'000; ++i) {
      CHECK(out.publish(i, deadline_after(monotonic_now(), 60s)) == channel::PublishResult::published);
    }
  });
  std::uint64_t read = 0;
  while (read < 10'000 && in.wait(deadline_after(monotonic_now(), 60s)) == channel::WaitResult::ready) {
    in.poll([&](std::uint64_t number) { read += number == read; });
  }
  publishing.join();
  CHECK(read == 10'000);
}

} // namespace

TEST_CASE("clocks: a wall clock that jumps a day forth and back changes nothing in a fleet or a channel (fault 32)") {
  const auto first = std::time(nullptr);
  const auto second = std::time(nullptr);
  REQUIRE_MESSAGE(std::abs(second - first) > 1'000, "the wall clock does not jump: LD_PRELOAD is missing");
  REQUIRE(maps_the_jumping_clock(getpid()));
  work_a_fleet();
  work_a_channel();
}

TEST_CASE("clocks: runners have the wall clock that jumps, too (fault 32)") {
  const RuntimeDirectory directory;
  const Fleet fleet(topology_of({module_of("echo", shipped("echo"))}));
  CHECK(maps_the_jumping_clock(pid_of(fleet, 0)));
}

TEST_CASE("child: a fleet in a time namespace" * doctest::skip()) {
  REQUIRE(monotonic_now() > static_cast<MonotonicNs>(100'000) * 1'000'000'000);
  work_a_fleet();
  work_a_channel();
}

TEST_CASE("clocks: a fleet in a time namespace, whose clocks are 100,000 s ahead, works like any other (fault 32)") {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    constexpr int no_namespace = 77;
    if (unshare(CLONE_NEWTIME) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWTIME) != 0) {
      _exit(no_namespace);
    }
    {
      std::ofstream offsets("/proc/self/timens_offsets");
      offsets << "monotonic 100000 0\nboottime 100000 0\n" << std::flush;
      if (!offsets) {
        _exit(no_namespace);
      }
    }
    const pid_t inside = fork(); // children are in the namespace, this process is not
    if (inside == 0) {
      execl("/proc/self/exe", "wall_clock_test", "--no-skip", "--test-case=child: a fleet in a time namespace",
            static_cast<char*>(nullptr));
      _exit(1);
    }
    int status = 0;
    waitpid(inside, &status, 0);
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) {
    MESSAGE("SKIPPED: this machine gives no time namespace");
    return;
  }
  CHECK(WEXITSTATUS(status) == 0);
}
