// Processes that a module forks and leaves behind (fault 15). That they end with their runner is not promised yet: that
// takes a PID namespace or a cgroup. That they harm nobody is.

#include "fleet_fixture.hpp"
#include "pids_of.hpp"

#include <csignal>

using namespace ringfleet;
using namespace ringfleet::test;

namespace {

// Ends them, whatever the test comes to.
class Strays {
public:
  Strays() = default;
  ~Strays() {
    for (const pid_t pid : pids_) {
      kill(pid, SIGKILL);
    }
  }
  Strays(const Strays&) = delete;
  Strays& operator=(const Strays&) = delete;
  void add(std::string_view pid) { pids_.push_back(std::stoi(std::string(pid))); }

private:
  std::vector<pid_t> pids_;
};

} // namespace

TEST_CASE("fleet: a child that a module forks can write into no segment of its runner, by address or by descriptor "
          "(fault 15)") {
  const RuntimeDirectory directory;
  Fleet fleet(topology_of({module_of("forking", test_module("daemon"))}));
  REQUIRE(fleet.call("forking", "echo", std::string(200'000, 'x'), {20s}).ok()); // there are arenas, too
  const Reply ended = fleet.call("forking", "write_from_child", "", {20s});
  CHECK_MESSAGE(ended.text() == "signal " + std::to_string(SIGSEGV), ended.error());
  CHECK(fleet.call("forking", "echo", "unharmed", {20s}).text() == "unharmed");
}

TEST_CASE(
    "fleet: of a runner that leaves daemons behind the death is known at once, its successor serves, and what they "
    "hold holds nobody up (20 daemons, fault 15)") {
  const RuntimeDirectory directory;
  Listener listener;
  auto options = listener.options();
  options.unlimited_restarts = true;
  Strays strays;
  {
    Fleet fleet(topology_of({module_of("forking", test_module("daemon")), module_of("echo", shipped("echo"))}),
                options);
    const std::set<pid_t> others = pids_of(fleet, "echo");
    REQUIRE(fleet.call("forking", "echo", "warm", {20s}).ok());
    const auto leave_daemons = [&] {
      for (int i = 0; i < 5; ++i) {
        strays.add(fleet.call("forking", "leave_daemon", "", {20s}).text());
      }
    };
    leave_daemons();
    for (int deaths = 0; deaths < 3; ++deaths) {
      const std::set<pid_t> runner = pids_of(fleet, "forking");
      REQUIRE(runner.size() == 1);
      REQUIRE(kill(*runner.begin(), SIGKILL) == 0);
      CHECK(fleet.call("forking", "echo", "the successor", {20s}).text() == "the successor");
      CHECK(pids_of(fleet, "forking") != runner);
      leave_daemons();
    }
    const DeployReport report = fleet.reload("forking", shipped("echo"));
    CHECK_FALSE(report.forced);
    CHECK(fleet.call("forking", "echo", "replaced", {20s}).text() == "replaced");
    CHECK(pids_of(fleet, "echo") == others);
  } // they hold the runners' ends of its pipes and sockets, and it ends all the same
}
