// Plays the operations of the matrix, one a run, and judges what can only be judged from inside.
//
//   operations list
//   operations disturbed NAME DIRECTORY WORD   prepare, mark, act, mark, look for leaks, act again, clear
//   operations after NAME DIRECTORY WORD       what the next process finds where one was killed: clear, act, remove
//   operations act NAME DIRECTORY WORD         mark, act, mark: for somebody else to survive
//   operations play NAME DIRECTORY WORD        prepare, mark, act, mark, check: likewise, with a part before and after
//   operations survive NAME DIRECTORY WORD COMMAND…   runs the command, which dies or not, and goes on
//
// Prints one line of JSON. `problems` is empty when every promise was kept; an act that failed with a ringfleet::Error
// is no problem, its text is in `error`.

#include "deploy.hpp"
#include "operation.hpp"
#include "survivors.hpp"
#include "tracee.hpp"
#include "traces.hpp"

#include "ringfleet/base/error.hpp"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include <sys/prctl.h>

namespace {

using namespace ringfleet;
using namespace ringfleet::test;

struct Outcome {
  std::optional<Error> error;
  std::string foreign; // an exception of another kind, or a promise that was broken inside the act
};

template <class Act>
Outcome outcome_of(Act&& act) {
  Outcome outcome;
  try {
    act();
  } catch (const Error& error) {
    outcome.error = error;
  } catch (const std::exception& other) {
    outcome.foreign = other.what();
  }
  return outcome;
}

void mark(bool begin) {
  prctl(static_cast<int>(phase_mark), begin ? 1UL : 0UL, 0UL, 0UL, 0UL);
}

void must_succeed(const Outcome& outcome, const std::string& what, std::vector<std::string>& problems) {
  if (outcome.error) {
    problems.push_back(what + ": " + outcome.error->what());
  } else if (!outcome.foreign.empty()) {
    problems.push_back(what + ": " + outcome.foreign);
  }
}

int print(const Outcome& first, const std::vector<std::string>& problems, std::size_t debris = 0,
          const Tally& tally = {}) {
  nlohmann::json result{{"error", first.error ? first.error->what() : ""},
                        {"code", first.error ? to_string(first.error->code()) : ""},
                        {"advice", first.error ? first.error->advice() : ""},
                        {"debris", debris},
                        {"tally", tally},
                        {"problems", problems}};
  std::printf("%s\n", result.dump().c_str());
  return problems.empty() ? 0 : 1;
}

int disturbed(Operation& operation, const Surroundings& here) {
  std::vector<std::string> problems;
  operation.prepare();
  const Traces before = Traces::when_settled(here);
  mark(true);
  const Outcome first = outcome_of([&] { operation.act(); });
  mark(false);
  if (!first.foreign.empty()) {
    problems.push_back("not a ringfleet::Error: " + first.foreign);
  }
  const bool rings_may_stay = operation.may_leave_a_ring() || !first.error;
  // An act that succeeded may have been disturbed in its clearing up; then the next one clears.
  const auto files = first.error ? Traces::Files::compared : Traces::Files::ignored;
  Traces::wait_for_same(before, here, rings_may_stay, operation.may_keep_lanes(), files, problems);
  must_succeed(outcome_of([&] { operation.check_that_the_rest_serves_on(); }), "the rest does not serve on", problems);
  must_succeed(outcome_of([&] { operation.act(); }), "the second attempt fails", problems);
  Traces::wait_for_same(before, here, true, operation.may_keep_lanes(), Traces::Files::compared, problems);
  return print(first, problems);
}

int after(const MakeOperation& make, const Surroundings& here) {
  std::vector<std::string> problems;
  std::size_t debris = 0;
  must_succeed(outcome_of([&] { debris = recognise_debris(here); }), "debris", problems);
  const Outcome again = outcome_of([&] {
    const auto operation = make(here);
    operation->prepare();
    operation->act();
  });
  must_succeed(again, "the next one does not start", problems);
  must_succeed(outcome_of([&] { remove_what_can_be_removed(here); }), "remove", problems);
  return print({}, problems, debris);
}

int act(Operation& operation) {
  mark(true);
  operation.act();
  mark(false);
  return 0;
}

int play(Operation& operation) {
  operation.prepare();
  mark(true);
  operation.act();
  mark(false);
  operation.check_that_the_rest_serves_on();
  return 0;
}

int survivor(const std::string& name, const Surroundings& here, const std::vector<std::string>& victim) {
  std::vector<std::string> problems;
  Tally tally;
  must_succeed(outcome_of([&] { tally = survive(name, here, victim); }), "a survivor", problems);
  if (problems.empty() && name.starts_with("deploy")) { // the others leave rings and counter files, as is documented
    must_succeed(outcome_of([&] { remove_what_can_be_removed(here); }), "files", problems);
  }
  return print({}, problems, 0, tally);
}

} // namespace

int main(int argc, char** argv) {
  auto all = transport_operations();
  all.merge(fleet_operations());
  if (argc == 2 && std::string_view(argv[1]) == "list") {
    for (const auto& [name, make] : all) {
      std::puts(name.c_str());
    }
    return 0;
  }
  all.merge(deploy_operations());
  if (argc < 5 || !all.contains(argv[2])) {
    std::fprintf(stderr, "usage: operations list | disturbed|after|act|play|survive NAME DIRECTORY WORD [COMMAND…]\n");
    return 2;
  }
  const std::string_view mode(argv[1]);
  const Surroundings here{argv[3], argv[4]};
  setenv("RINGFLEET_DIR", here.directory.c_str(), 1);
  try {
    const MakeOperation& make = all.at(argv[2]);
    if (mode == "after") {
      return after(make, here);
    }
    if (mode == "act") {
      return act(*make(here));
    }
    if (mode == "play") {
      return play(*make(here));
    }
    if (mode == "survive" && argc > 5) {
      return survivor(argv[2], here, {argv + 5, argv + argc});
    }
    return disturbed(*make(here), here);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "operations %s %s: %s\n", argv[1], argv[2], error.what());
    return 1;
  }
}
