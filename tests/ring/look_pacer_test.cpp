#include "ringfleet/ring/look_pacer.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <utility>

using ringfleet::Ticks;
using ringfleet::ring::LookPacer;

namespace {

constexpr auto all_steps = LookPacer::steps.size();
constexpr auto trial = LookPacer::glances + all_steps * LookPacer::tries;

// A reader of a stream: a look takes ten ticks, a pause one.
struct Reading {
  std::function<std::uint64_t(std::uint32_t pauses)> found; // by a look after so many pauses
  LookPacer pacer = {};
  Ticks now = 0;
  unsigned clock_readings = 0;

  void look(unsigned times) {
    for (unsigned i = 0; i < times; ++i) {
      const auto pauses = pacer.pauses();
      now += 10 + pauses;
      pacer.looked(found(pauses), [this] {
        ++clock_readings;
        return now;
      });
    }
  }
  [[nodiscard]] unsigned paused_of(unsigned times) {
    unsigned paused = 0;
    for (unsigned i = 0; i < times; ++i) {
      paused += pacer.pauses() != 0 ? 1 : 0;
      look(1);
    }
    return paused;
  }
};

// Elements that come each `ticks` ticks, whoever looks.
auto paced_by_its_producer(Ticks ticks) {
  return [ticks](std::uint32_t pauses) { return std::max<std::uint64_t>(2, (10 + pauses) / ticks); };
}

} // namespace

TEST_CASE("look_pacer: a stream that flows faster the later it is looked at is looked at as late as can be") {
  Reading reading{.found = [](std::uint32_t pauses) { return 5 + std::uint64_t{pauses} * pauses; }};
  reading.look(trial);
  CHECK(reading.pacer.pauses() == LookPacer::steps.back());
  reading.look(LookPacer::rests_paused - 1);
  CHECK(reading.pacer.pauses() == LookPacer::steps.back());
  reading.look(1);
  CHECK(reading.pacer.pauses() == 0);
}

TEST_CASE("look_pacer: it is looked at no later than pays") {
  // 3.8 elements a tick after 16 pauses, 2.4 after 32
  Reading reading{.found = [](std::uint32_t pauses) { return std::uint64_t{pauses == 0 ? 5U : 100U}; }};
  reading.look(LookPacer::glances + 3 * LookPacer::tries);
  CHECK(reading.pacer.pauses() == LookPacer::steps[1]);
  CHECK(reading.paused_of(LookPacer::rests_paused) == LookPacer::rests_paused);
  CHECK(reading.pacer.pauses() == 0);
}

TEST_CASE("look_pacer: a stream at its producer's own pace is looked at at once, however much more later looks find") {
  Reading reading{.found = paced_by_its_producer(3)};
  constexpr unsigned trials = 10;
  const auto paused = reading.paused_of(trials * (LookPacer::rests_at_once + trial));
  CHECK(paused > 0);
  CHECK(paused <= (trials + 1) * LookPacer::tries);
}

TEST_CASE("look_pacer: where later looks find no more, all but a few come at once") {
  Reading reading{.found = [](std::uint32_t) { return std::uint64_t{10}; }};
  CHECK(reading.paused_of(100 * LookPacer::rests_at_once) <= 100 * LookPacer::tries);
}

TEST_CASE("look_pacer: a look that finds nothing ends the pauses") {
  Reading reading{.found = [](std::uint32_t pauses) { return 5 + std::uint64_t{pauses} * pauses; }};
  for (unsigned looks = LookPacer::glances + LookPacer::tries; looks < trial + LookPacer::rests_paused; ++looks) {
    Reading ended = reading;
    ended.look(looks);
    REQUIRE(ended.pacer.pauses() != 0);
    ended.pacer.looked(0, [] { return Ticks{0}; });
    REQUIRE(ended.pacer.pauses() == 0);
  }
}

TEST_CASE("look_pacer: single elements, full looks, and looks that mostly find nothing, are never delayed or timed") {
  const auto never_delayed = [](std::function<std::uint64_t(std::uint32_t)> found) {
    Reading reading{.found = std::move(found)};
    CHECK(reading.paused_of(100'000) == 0);
    CHECK(reading.clock_readings == 0);
  };
  never_delayed([](std::uint32_t) { return std::uint64_t{1}; });
  never_delayed([](std::uint32_t) { return std::uint64_t{64}; });
  never_delayed([i = 0U](std::uint32_t) mutable { return std::uint64_t{++i % LookPacer::glances == 0 ? 0U : 20U}; });
}

TEST_CASE("look_pacer: a clock that stands or goes back delays nothing for ever") {
  for (const std::uint64_t step : {std::uint64_t{0}, ~std::uint64_t{0}, std::uint64_t{1} << 63}) {
    LookPacer pacer;
    Ticks now = 5;
    unsigned at_once = 0;
    for (unsigned i = 0; i < 4 * (LookPacer::rests_at_once + trial); ++i) {
      pacer.looked(20, [&] { return now += step; });
      at_once += pacer.pauses() == 0 ? 1 : 0;
    }
    CHECK(at_once > 0);
  }
}
