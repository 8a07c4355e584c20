#pragma once

// What an exploration is told and what it tells: bounds, how a run ended for each process, and the sums of all runs.

#include <array>
#include <cstdint>
#include <string>

namespace ringfleet::explore {

inline constexpr unsigned processes_max = 8;

struct Bounds {
  unsigned preemptions = 2;
  unsigned deaths = 1;
  unsigned delays = 0;      // stores that may wait in a store buffer
  bool stores_pass = false; // stores of one process reach the memory in any order that release allows, not as on x86
  unsigned early_loads = 0; // loads that may have been done before earlier ones, where no acquire forbids it
  unsigned expirations = 0; // processes whose deadline passes while others could go on
  std::uint64_t executions_max = ~std::uint64_t{0};
  std::uint64_t random_seed = 0; // not 0: so many random walks instead of all
};

enum class State : std::uint8_t { ready, blocked, asleep, parked, awaiting_death, finished, dead };

struct Outcome {
  std::array<State, processes_max> states{};
  std::uint64_t wakes = 0;         // system calls that wake
  std::uint64_t announcements = 0; // flags raised by those who were about to park
  [[nodiscard]] bool is_dead(unsigned process) const { return states[process] == State::dead; }
  // It waits for something that nobody is left to do.
  [[nodiscard]] bool is_stuck(unsigned process) const {
    return states[process] == State::blocked || states[process] == State::asleep || is_parked(process);
  }
  [[nodiscard]] bool is_parked(unsigned process) const { return states[process] == State::parked; }
};

struct Report {
  std::uint64_t executions = 0;
  std::uint64_t accesses = 0;
  std::uint64_t deaths = 0;
  bool is_exhausted = false;
  std::string failure; // the first verdict that was not empty, and the choices that lead to it
};

} // namespace ringfleet::explore
