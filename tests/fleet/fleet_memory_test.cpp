// What a scheduler and its clients have allocated does not depend on what has happened to them: it is the same after so
// many events and after twice as many. Whatever is kept of each runner, lane or version that ever was is seen here.
// RINGFLEET_TEST_ROUNDS: how many events of a kind.

#include "../allocations.hpp"
#include "../seed.hpp"
#include "fleet_fixture.hpp"
#include "ringfleet/fleet/client.hpp"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <functional>
#include <string>
#include <utility>

using namespace ringfleet;
using namespace ringfleet::test;

namespace {

// A fleet and a client in this process, so that both are counted; and both have lanes.
class Stage {
public:
  explicit Stage(fleet::ModuleSpec module) : fleet_(topology_of({std::move(module)}, "kept"), options()) {}

  [[nodiscard]] Fleet& fleet() { return fleet_; }
  [[nodiscard]] Client& client() { return client_; }

  // `kept_each`: what may be kept of each event.
  void check_that_nothing_is_kept(const std::function<void(unsigned)>& event, LiveAllocations kept_each = {}) {
    const auto events = static_cast<unsigned>(rounds_or(std::max(40 / scale_down, 4U)));
    unsigned done = 0;
    const auto go_on = [&](unsigned times) { // returns what is there beyond that
      for (unsigned i = 0; i < times; ++i) {
        event(done++);
      }
      const auto live = at_rest();
      return LiveAllocations{live.count - kept_each.count * done, live.bytes - kept_each.bytes * done};
    };
    // The table that a thread picked from last goes with the news that follow; so the least of some looks counts.
    LiveAllocations before = go_on(events);
    for (int look = 0; look < 4; ++look) {
      const auto now = go_on(1);
      before = now.count < before.count ? now : before;
    }
    LiveAllocations after = go_on(events);
    for (int look = 0; look < 20 && after.count > before.count; ++look) {
      after = go_on(1);
    }
    CHECK(after.count <= before.count);
    // Texts about the latest event are kept: they name numbers, which have more digits by and by.
    constexpr std::int64_t texts = 256;
    CHECK(after.bytes <= before.bytes + texts);
  }
  // Once by the scheduler's own process and once by the client.
  void call(std::string_view module, std::string_view method, CallStatus wanted = CallStatus::ok) {
    const auto check = [&](const Reply& reply) { CHECK_MESSAGE(reply.status() == wanted, reply.error()); };
    check(fleet_.call(module, method, "", {60s}));
    check(client_.call(module, method, {}, {60s}));
  }
  void kill_the_next_that_is_ready() { kill_next_ = true; }

private:
  FleetOptions options() {
    FleetOptions options;
    options.unlimited_restarts = true;
    options.on_event = [this](std::string_view event) {
      const auto at = event.find("ready, pid ");
      if (at != std::string_view::npos && kill_next_.exchange(false)) {
        kill(std::atoi(event.data() + at + 11), SIGKILL);
      }
    };
    return options;
  }
  // Both control threads have come so far, and each caller has the lanes that are there.
  void settle() {
    (void)client_.status();
    (void)fleet_.status();
  }
  // The same at so many looks, between which both control threads have done something.
  LiveAllocations at_rest() {
    constexpr int looks = 10;
    LiveAllocations seen = live_allocations();
    for (int same = 0; same < looks; ++same) {
      settle();
      if (const auto now = live_allocations(); now != seen) {
        seen = now;
        same = 0;
      }
    }
    return seen;
  }

  RuntimeDirectory directory_;
  std::atomic<bool> kill_next_ = false;
  Fleet fleet_;
  Client client_{"kept"};
};

} // namespace

TEST_CASE("memory: nothing is kept of runners that crashed") {
  Stage stage(module_of("bad", shipped("misbehave")));
  stage.check_that_nothing_is_kept([&](unsigned) {
    stage.call("bad", "abort", CallStatus::runner_lost);
    stage.call("bad", "ok");
  });
}

TEST_CASE("memory: nothing is kept of runners that died before their lanes were open") {
  Stage stage(module_of("bad", shipped("misbehave")));
  stage.call("bad", "ok");
  stage.check_that_nothing_is_kept([&](unsigned) {
    stage.kill_the_next_that_is_ready();
    CHECK(stage.fleet().call("bad", "abort", "", {60s}).status() == CallStatus::runner_lost);
    stage.call("bad", "ok");
  });
}

TEST_CASE("memory: nothing is kept of reloads to the same version") {
  Stage stage(module_of("echo", shipped("echo")));
  stage.check_that_nothing_is_kept([&](unsigned) {
    (void)stage.fleet().reload("echo", shipped("echo"));
    stage.call("echo", "echo");
  });
}

TEST_CASE("memory: nothing is kept of reloads between two versions") {
  Stage stage(module_of("zstd", shipped("zstd_v1")));
  stage.check_that_nothing_is_kept([&](unsigned i) {
    (void)stage.fleet().reload("zstd", shipped(i % 2 == 0 ? "zstd_v2" : "zstd_v1"));
    stage.call("zstd", "compress");
  });
}

TEST_CASE("memory: of reloads to ever new versions the name is kept, once in each client") {
  const ScratchDirectory scratch;
  const std::string echo = read_file(shipped("echo"));
  constexpr std::string_view version = "1.0.0";
  Stage stage(module_of("echo", shipped("echo")));
  // A node of a set and, as the names are short, nothing besides; 128 bytes are enough for it.
  constexpr LiveAllocations in_two_clients{2, 2 * 128};
  stage.check_that_nothing_is_kept(
      [&](unsigned i) {
        std::string next = echo;
        for (auto at = next.find(version); at != std::string::npos; at = next.find(version, at)) {
          next.replace(at, version.size(), std::to_string(10'000 + i));
        }
        write_file(scratch.file("next.so"), next);
        CHECK(stage.fleet().reload("echo", scratch.file("next.so")).to_version == std::to_string(10'000 + i));
        stage.call("echo", "echo");
      },
      in_two_clients);
}

TEST_CASE("memory: nothing is kept of modules that were unloaded") {
  Stage stage(module_of("bad", shipped("misbehave")));
  stage.check_that_nothing_is_kept([&](unsigned) {
    stage.fleet().load(module_of("guest", shipped("echo")));
    stage.call("guest", "echo");
    stage.fleet().unload("guest");
  });
}

TEST_CASE("memory: nothing is kept of clients that have gone") {
  Stage stage(module_of("echo", shipped("echo")));
  stage.check_that_nothing_is_kept([&](unsigned) {
    Client guest("kept");
    CHECK(guest.call("echo", "echo", {}, {60s}).ok());
  });
}
