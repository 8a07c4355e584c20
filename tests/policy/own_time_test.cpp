#include "ringfleet/policy/own_time.hpp"

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::policy;

TEST_CASE("own time: a clock that stands still or an extra tick adds no time") {
  OwnTime own{Nanoseconds(100)};
  own.tick(1'000);
  own.tick(1'000);
  CHECK(own.time() == 0);
  own.tick(1'050);
  own.tick(1'100);
  CHECK(own.time() == 100);
  own.tick(9'000);
  CHECK(own.time() == 300);
  CHECK(own.now() == 9'000);
}

TEST_CASE("own deadline: passes on time when every tick is made, and not at all when it is cleared") {
  OwnDeadline deadline{Nanoseconds(100)};
  CHECK_FALSE(deadline.has_passed(1'000));
  CHECK(deadline.on_clock() == never);
  deadline.set(5'000, Nanoseconds(250));
  CHECK(deadline.on_clock() == 5'250);
  CHECK_FALSE(deadline.has_passed(5'100));
  CHECK_FALSE(deadline.has_passed(5'249));
  CHECK(deadline.on_clock() == 5'250);
  CHECK(deadline.has_passed(5'250));
  CHECK(deadline.has_passed(5'251));
  deadline.clear();
  CHECK_FALSE(deadline.has_passed(6'000));
}

TEST_CASE("own deadline: what was slept through is put on top of it, less the two periods of a late tick") { // fault 33
  OwnDeadline deadline{Nanoseconds(100)};
  deadline.set(1'000, Nanoseconds(500));
  CHECK_FALSE(deadline.has_passed(1'100));
  CHECK_FALSE(deadline.has_passed(1'000'000)); // stopped, continued
  CHECK(deadline.on_clock() == 1'000'200);
  CHECK_FALSE(deadline.has_passed(1'000'100));
  CHECK(deadline.has_passed(1'000'200));
}

TEST_CASE("own deadline: what went before it was set is not its time") {
  OwnDeadline deadline{Nanoseconds(100)};
  deadline.set(1'000, Nanoseconds(100));
  deadline.clear();
  deadline.set(1'000'000, Nanoseconds(150)); // nobody ticked meanwhile
  CHECK(deadline.on_clock() == 1'000'150);
  CHECK_FALSE(deadline.has_passed(1'000'149));
  CHECK(deadline.has_passed(1'000'150));
}

TEST_CASE("own deadline: one that was never meant to pass does not overflow") {
  OwnDeadline deadline{Nanoseconds(100)};
  deadline.set(1'000, Nanoseconds::max());
  CHECK(deadline.on_clock() >= 1'000 + static_cast<MonotonicNs>(Nanoseconds::max().count()));
  CHECK_FALSE(deadline.has_passed(1'100));
}
