// The state machine of required readers, with a clock that the test moves. // T11

#include "ringfleet/channel/required_readers.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <vector>

using namespace ringfleet;
using namespace ringfleet::channel;

namespace {

constexpr std::uint64_t ms = 1'000'000;

struct Scene {
  explicit Scene(MissedAction action) {
    options.ids = {"risk"};
    options.startup_timeout = std::chrono::milliseconds(5'000);
    options.progress_timeout = std::chrono::milliseconds(250);
    options.grace = std::chrono::milliseconds(1'000);
    options.action = action;
    options.on_alert = [this](const RequiredAlert& alert) { alerts.emplace_back(to_string(alert.state)); };
    machine.emplace(options, 0);
  }
  // At `at_ms`; `position` empty: the reader is not there.
  auto tick(std::uint64_t at_ms, std::optional<std::uint64_t> position, bool is_full = true) {
    const ReaderSighting sighting{.id = "risk",
                                  .line = 3,
                                  .incarnation = 7,
                                  .position = position.value_or(0),
                                  .has_joined = position.has_value()};
    return machine->tick(at_ms * ms, {&sighting, 1}, 100, is_full);
  }
  [[nodiscard]] RequiredState state() const { return machine->state(0); }

  RequiredOptions options;
  std::vector<std::string> alerts;
  std::optional<RequiredReaders> machine;
};

} // namespace

TEST_CASE("required readers: one that does not come within the startup timeout is missed, not before") {
  Scene scene(MissedAction::fail);
  CHECK(scene.machine->next_change() == 5'000 * ms);
  (void)scene.tick(4'999, {});
  CHECK(scene.state() == RequiredState::awaited);
  CHECK_FALSE(scene.machine->has_failed());
  (void)scene.tick(5'000, {});
  CHECK(scene.state() == RequiredState::missed);
  CHECK(scene.machine->has_failed());
  (void)scene.tick(6'000, 0);
  CHECK(scene.state() == RequiredState::present);
  CHECK_FALSE(scene.machine->has_failed());
  CHECK(scene.alerts == std::vector<std::string>{"missed", "present"});
}

TEST_CASE("required readers: one that reads is never lagging, however full the ring is") {
  Scene scene(MissedAction::evict);
  for (std::uint64_t i = 0; i < 100; ++i) {
    CHECK(scene.tick(i * 200, i).empty());
  }
  CHECK(scene.alerts == std::vector<std::string>{"present"});
}

TEST_CASE("required readers: one that stands still while the ring is not full holds nobody up and is not lagging") {
  Scene scene(MissedAction::evict);
  (void)scene.tick(0, 5, false);
  (void)scene.tick(60'000, 5, false);
  CHECK(scene.state() == RequiredState::present);
}

TEST_CASE("required readers: standing still is lagging after the progress timeout and missed after the grace") {
  for (const auto action : {MissedAction::fail, MissedAction::evict, MissedAction::degrade}) {
    Scene scene(action);
    (void)scene.tick(0, 5);
    (void)scene.tick(249, 5);
    CHECK(scene.state() == RequiredState::present);
    (void)scene.tick(250, 5);
    CHECK(scene.state() == RequiredState::lagging);
    CHECK(scene.tick(1'249, 5).empty());
    const auto evicted = scene.tick(1'250, 5);
    CHECK(scene.state() == RequiredState::missed);
    CHECK(scene.machine->has_failed() == (action == MissedAction::fail));
    REQUIRE(evicted.size() == (action == MissedAction::evict ? 1 : 0));
    if (!evicted.empty()) {
      CHECK(evicted.front().line == 3);
      CHECK(evicted.front().incarnation == 7);
    }
    CHECK(scene.tick(9'999, 5).empty()); // once
  }
}

TEST_CASE("required readers: one that moves within the grace is present again") {
  Scene scene(MissedAction::fail);
  (void)scene.tick(0, 5);
  (void)scene.tick(250, 5);
  (void)scene.tick(1'000, 6);
  CHECK(scene.state() == RequiredState::present);
  CHECK(scene.alerts == std::vector<std::string>{"present", "lagging", "present"});
}

TEST_CASE("required readers: one that dies may come back within the grace; later it is missed until it does") {
  Scene scene(MissedAction::fail);
  (void)scene.tick(0, 5);
  (void)scene.tick(10, {});
  CHECK(scene.state() == RequiredState::gone);
  (void)scene.tick(1'009, {});
  CHECK(scene.state() == RequiredState::gone);
  (void)scene.tick(1'009, 5);
  CHECK(scene.state() == RequiredState::present);
  (void)scene.tick(1'100, {});
  (void)scene.tick(2'100, {});
  CHECK(scene.state() == RequiredState::missed);
  CHECK(scene.machine->has_failed());
  (void)scene.tick(3'000, 5);
  CHECK(scene.state() == RequiredState::present);
}
