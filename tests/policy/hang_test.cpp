#include "ringfleet/policy/hang.hpp"

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::policy;
using namespace std::chrono_literals;

namespace {

constexpr MonotonicNs ns(Nanoseconds span) {
  return static_cast<MonotonicNs>(span.count());
}

// A scheduler that ticks every 100 ms, as the fake clock says.
struct Ticking {
  OwnTime own{100ms};
  MonotonicNs now = ns(1h);
  HangWatch watch;

  Ticking() { own.tick(now); }

  HangVerdict tick_after(Nanoseconds pause, StartedCall call) {
    now += ns(pause);
    own.tick(now);
    return watch.sample(own, call);
  }

  // Ticks on time until the call is hung or an hour is over; the time that took.
  Nanoseconds until_hung(StartedCall call) {
    const MonotonicNs begin = now;
    while (now - begin < ns(1h) && tick_after(100ms, call) != HangVerdict::hung) {
    }
    return Nanoseconds(now - begin);
  }
};

} // namespace

TEST_CASE("hang: a call is hung a second past its deadline") { // F8, fault 18
  Ticking fake;
  const StartedCall call{.stamp = 7, .deadline_ns = fake.now + ns(5s)};
  CHECK((fake.until_hung(call) == 6s));
}

TEST_CASE("hang: a call without a deadline is hung 60 s after it was first seen") { // fault 19
  for (const MonotonicNs none : {MonotonicNs{0}, never}) {
    Ticking fake;
    CHECK((fake.until_hung({.stamp = 7, .deadline_ns = none}) == 60s + 100ms));
  }
}

TEST_CASE("hang: idle is never hung, and a new stamp is a new call") {
  Ticking fake;
  for (int tick = 0; tick < 10'000; ++tick) {
    REQUIRE(fake.tick_after(100ms, {}) == HangVerdict::idle);
  }
  for (std::uint64_t stamp = 1; stamp < 10'000; ++stamp) {
    REQUIRE(fake.tick_after(100ms, {.stamp = stamp, .deadline_ns = fake.now}) == HangVerdict::running);
  }
  CHECK(fake.tick_after(100ms, {}) == HangVerdict::idle);
  CHECK(fake.tick_after(100ms, {.stamp = 9'999, .deadline_ns = fake.now}) == HangVerdict::running);
}

TEST_CASE("hang: what the scheduler slept through does not count (SIGSTOP for 30 s)") { // fault 33
  Ticking fake;
  const StartedCall call{.stamp = 7, .deadline_ns = fake.now + ns(5s)};
  CHECK(fake.tick_after(100ms, call) == HangVerdict::running);
  CHECK(fake.tick_after(30s, call) == HangVerdict::running); // stopped, continued
  // The call gets what it had left, less the two periods that a late tick counts for.
  CHECK((fake.until_hung(call) == 6s - 100ms - 200ms));
}

TEST_CASE("hang: a call first seen long after its deadline still gets its second") { // fault 33
  Ticking fake;
  const StartedCall call{.stamp = 7, .deadline_ns = fake.now + ns(1s)};
  CHECK(fake.tick_after(30s, call) == HangVerdict::running);
  CHECK((fake.until_hung(call) == 1s));
}

TEST_CASE("hang: starvation with late ticks only ever delays the verdict") { // fault 45
  Ticking fake;
  const StartedCall call{.stamp = 7, .deadline_ns = fake.now + ns(1s)};
  const MonotonicNs begin = fake.now;
  while (fake.tick_after(1s, call) != HangVerdict::hung) {
  }
  CHECK(fake.now - begin >= ns(2s));
}

TEST_CASE("hang: an absurd deadline from a broken runner does not overflow") { // fault 20
  Ticking fake;
  CHECK(fake.tick_after(100ms, {.stamp = 7, .deadline_ns = never - 1}) == HangVerdict::running);
  CHECK(fake.tick_after(100ms, {.stamp = 7, .deadline_ns = never - 1}) == HangVerdict::running);
}
