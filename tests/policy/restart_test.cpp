#include "ringfleet/policy/restart.hpp"

#include <utility>
#include <vector>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::policy;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t no_jitter = 200; // 800 + 200 = 100.0 %

constexpr MonotonicNs ns(Nanoseconds span) {
  return static_cast<MonotonicNs>(span.count());
}

// Dies again as soon as it was restarted, `deaths` times; the delays it was given.
std::vector<Nanoseconds> delays(RestartMachine& machine, int deaths, std::uint64_t random = no_jitter) {
  std::vector<Nanoseconds> result;
  MonotonicNs now = ns(1h);
  for (int death = 0; death < deaths; ++death) {
    const MonotonicNs at = machine.died(now, random).restart_at;
    result.emplace_back(at - now);
    now = at;
  }
  return result;
}

} // namespace

TEST_CASE("restart: the first is at once, then 100 ms doubling up to 30 s") { // F8
  RestartMachine machine;
  const std::vector<Nanoseconds> expected{0ms,    100ms,  200ms,   400ms,   800ms,    1600ms,
                                          3200ms, 6400ms, 12800ms, 25600ms, 30'000ms, 30'000ms};
  CHECK((delays(machine, 12) == expected));
}

TEST_CASE("restart: the jitter stays within 20 % and reaches both ends") {
  RestartMachine low;
  CHECK((delays(low, 3, 0)[2] == 160ms));
  RestartMachine high;
  CHECK((delays(high, 3, 400)[2] == 240ms));
  for (const std::uint64_t random : {1ULL, 77ULL, 401ULL, ~0ULL}) {
    RestartMachine machine;
    const Nanoseconds delay = delays(machine, 2, random)[1];
    CHECK((delay >= 80ms && delay <= 120ms));
  }
}

TEST_CASE("restart: the delay does not overflow after a hundred thousand deaths") {
  RestartMachine machine;
  CHECK((delays(machine, 100'000).back() == 30s));
}

TEST_CASE("restart: 60 s of Ready forget the past, a nanosecond less does not") {
  for (const auto& [ready_for, expected] : {std::pair<Nanoseconds, Nanoseconds>{60s, 0ms}, {60s - 1ns, 400ms}}) {
    RestartMachine machine;
    (void)delays(machine, 3);
    const MonotonicNs ready = ns(2h);
    machine.ready(ready);
    const MonotonicNs death = ready + ns(ready_for);
    CHECK(machine.died(death, no_jitter).restart_at == death + ns(expected));
  }
}

TEST_CASE("restart: time spent starting does not count as Ready") {
  RestartMachine machine;
  machine.ready(ns(1h));
  (void)machine.died(ns(1h) + 1, no_jitter);
  (void)machine.died(ns(2h), no_jitter); // never Ready in between
  CHECK(machine.died(ns(3h), no_jitter).restart_at == ns(3h) + ns(200ms));
}

TEST_CASE("restart: five deaths within 30 s are a crash loop, four are not, nor are five in longer") {
  struct Row {
    std::vector<Nanoseconds> deaths;
    bool crash_loop;
  };
  const Row table[] = {
      {{0s, 1s, 2s, 3s}, false},
      {{0s, 1s, 2s, 3s, 30s}, true},
      {{0s, 1s, 2s, 3s, 30s + 1ns}, false},
      {{0s, 20s, 21s, 22s, 40s}, false},
      {{0s, 20s, 21s, 22s, 40s, 41s}, true},
      {{0s, 1s, 2s, 3s, 4s, 500s}, true}, // stays one until it was Ready for long enough
  };
  for (const Row& row : table) {
    RestartMachine machine;
    bool crash_loop = false;
    for (const Nanoseconds death : row.deaths) {
      crash_loop = machine.died(ns(1h) + ns(death), no_jitter).crash_loop;
    }
    CHECK(crash_loop == row.crash_loop);
    CHECK(machine.crash_loop(ns(2h)) == row.crash_loop);
  }
}

TEST_CASE("restart: a crash loop goes on with trial restarts and ends after 60 s of Ready") {
  RestartMachine machine;
  MonotonicNs now = ns(1h);
  for (int death = 0; death < 5; ++death) {
    now = machine.died(now, no_jitter).restart_at;
  }
  REQUIRE(machine.crash_loop(now));
  const RestartDecision trial = machine.died(now, no_jitter);
  CHECK(trial.crash_loop);
  CHECK(trial.restart_at == now + ns(1600ms));
  machine.ready(now);
  CHECK(machine.crash_loop(now + ns(60s) - 1));
  CHECK_FALSE(machine.crash_loop(now + ns(60s)));
  const RestartDecision first = machine.died(now + ns(61s), no_jitter);
  CHECK_FALSE(first.crash_loop);
  CHECK(first.restart_at == now + ns(61s));
}

TEST_CASE("restart: with the budget off every restart is at once and there is no crash loop") {
  RestartRules rules;
  rules.budget = false;
  RestartMachine machine(rules);
  for (int death = 0; death < 1'000; ++death) {
    const RestartDecision decision = machine.died(5, no_jitter);
    REQUIRE(decision.restart_at == 5);
    REQUIRE_FALSE(decision.crash_loop);
  }
  CHECK_FALSE(machine.crash_loop(6));
}
