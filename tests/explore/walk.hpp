#pragma once

// Explores a world and says how far it went: all runs within the bounds, or as many as there is time for; then, of what
// is too large to be walked, random runs with more preemptions. Worlds that are too large from the start are roamed.
//
// RINGFLEET_TEST_ROUNDS sets how many runs each of them may have, RINGFLEET_TEST_SEED the random ones. The last line of
// a program, `totals: executions=… explored_deaths=…`, is for programs.

#include "../scale.hpp"
#include "../seed.hpp"
#include "explorer.hpp"

#include <cinttypes>
#include <cstdio>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

namespace ringfleet::explore {

#ifdef __OPTIMIZE__
inline constexpr std::uint64_t scale_down = test::scale_down;
#else
inline constexpr std::uint64_t scale_down = 4 * test::scale_down;
#endif

class Totals {
public:
  ~Totals() {
    if (executions_ != 0) {
      std::printf("totals: executions=%" PRIu64 " explored_deaths=%" PRIu64 " explored_accesses=%" PRIu64 "\n",
                  executions_, deaths_, accesses_);
    }
  }
  void add(const Report& report) {
    executions_ += report.executions;
    deaths_ += report.deaths;
    accesses_ += report.accesses;
  }

private:
  std::uint64_t executions_ = 0;
  std::uint64_t deaths_ = 0;
  std::uint64_t accesses_ = 0;
};
inline Totals totals;

// Random runs only.
template <class Make>
void roam(std::string_view name, Bounds bounds, std::uint64_t executions, Make&& make) {
  bounds.executions_max = test::rounds_or(executions / scale_down);
  bounds.random_seed = test::seed_or(1);
  const auto report = Scheduler::explore(bounds, make);
  totals.add(report);
  {
    CAPTURE(name);
    CAPTURE(bounds.random_seed);
    CHECK(report.failure == "");
  }
  MESSAGE(name << ": " << report.executions << " executions at random, seed " << bounds.random_seed << "; "
               << report.deaths << " deaths");
}

template <class Make>
void walk(std::string_view name, Bounds bounds, std::uint64_t executions, Make&& make) {
  bounds.executions_max = test::rounds_or(executions / scale_down);
  const auto report = Scheduler::explore(bounds, make);
  totals.add(report);
  {
    CAPTURE(name);
    CHECK(report.failure == "");
  }
  MESSAGE(name << ": " << report.executions << " executions" << std::string(report.is_exhausted ? ", all; " : "; ")
               << report.deaths << " deaths");
  if (!report.is_exhausted && report.failure.empty()) {
    bounds.preemptions += 3;
    roam(name, bounds, executions / 3, make);
  }
}

// The same on machines that are weaker than x86: one lets stores pass each other, the other does loads early, each as
// far as the orders of the accesses let it.
template <class Make>
void walk_reordered(const std::string& name, const Bounds& bounds, std::uint64_t executions, Make&& make) {
  auto stores = bounds;
  stores.delays = 1;
  stores.stores_pass = true;
  walk(name + ", stores pass", stores, executions, make);
  auto loads = bounds;
  loads.early_loads = 1;
  loads.preemptions += 1; // few loads have something older to see
  walk(name + ", early loads", loads, executions, make);
}

} // namespace ringfleet::explore
