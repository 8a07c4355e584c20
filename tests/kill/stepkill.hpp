#pragma once

// Runs scenarios: the operation is killed after each of its instructions, each different memory image that is left so
// is judged, and for each of these the recovery is killed after each of its instructions, too.

#include "scenario.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace ringfleet::kill {

struct Totals {
  std::uint64_t boundaries = 0; // instructions after which somebody was killed, in operations and recoveries
  std::uint64_t scenarios = 0;
  std::uint64_t images = 0;     // different ones within a scenario; each was judged
  std::uint64_t recoveries = 0; // that were stepped
};

struct StepkillOptions {
  std::uint64_t seed = 1;
  // For one scenario. Where there are more images than that, those whose recovery is stepped are drawn by the seed.
  std::uint64_t recoveries_max = 1'000;
  std::uint64_t one_of = 1; // so many scenarios was tried
  // An operation or recovery of more instructions than this never ends.
  std::uint64_t instructions_max = 1'000'000;
};

// Adds to `totals`. Answers what went wrong first, with the instruction and what the memory looked like; or nothing.
[[nodiscard]] std::string stepkill(const Scenario& scenario, const StepkillOptions& options, Totals& totals);

// As many as usual; with RINGFLEET_STEPKILL=all every one, with RINGFLEET_TEST_ROUNDS so many.
[[nodiscard]] std::uint64_t recoveries_wanted(std::uint64_t usual);
// What was done, for a person and for programs. Answers the exit code: it is a failure when that was nothing.
int report(const char* program, const Totals& totals, const StepkillOptions& options);

// How much of a program a test run does; with RINGFLEET_STEPKILL=all it does everything.
struct Usual {
  std::uint64_t recoveries_max = 1'000; // for one scenario
  std::uint64_t one_of = 1;             // so many scenarios is tried, drawn by the seed
};

// A whole program: its scenarios, or all those whose name contains the first argument. Prints what was done; answers
// the exit code, 77 when nobody may be stepped here.
int stepkill_main(int argc, char** argv, const char* program, const std::vector<Scenario>& scenarios,
                  const Usual& usual = {});

} // namespace ringfleet::kill
