// Rings that are files, killed after each instruction of whoever makes, continues or replaces one, or attaches to one:
// as a reader, as another producer. Each set of files that is left is put before the next owner, or the one that lives,
// when the process is dead indeed. faults 2, 3, 6, 7, 30.

#include "../os/scratch_directory.hpp"
#include "../seed.hpp"
#include "file_images.hpp"
#include "ring_files.hpp"
#include "stepkill.hpp"
#include "stepper.hpp"
#include "watchdog.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

using namespace ringfleet;
using namespace ringfleet::kill;

namespace {

using Stop = Stepper::Stop;
constexpr std::uint64_t instructions_max = 10'000'000;

// What was left by a death, and where that was.
struct Left {
  Files files;
  std::uint64_t instruction = 0;
  std::uint64_t place = 0;
  std::uint64_t outcome = 0;
};

template <class Kind>
class Run {
public:
  Run(const Case& what, const StepkillOptions& options, Totals& totals)
      : case_(what), options_(options), totals_(totals) {}

  std::string all() {
    life_.prepare();
    auto wrong = step(case_.name, [this] { life_.operate(); });
    std::uint64_t last = 0;
    for (std::size_t i = 0; wrong.empty() && i < left_.size(); ++i) {
      wrong = judged(left_[i]);
      if (wrong.empty() && left_[i].outcome < last) {
        wrong = at(left_[i], fmt::format("the outcome was {}, and is {} now", last, left_[i].outcome));
      }
      last = left_[i].outcome;
    }
    if (wrong.empty() && (left_.front().outcome != 0 || last != life_.promised())) {
      wrong = fmt::format("the outcome is {} before the first instruction, and {} of {} behind the last one",
                          left_.front().outcome, last, life_.promised());
    }
    wrong = wrong.empty() ? all_recoveries() : wrong;
    files_.clear();
    return wrong;
  }

private:
  std::string all_recoveries() {
    auto chosen = left_;
    std::mt19937_64 random(options_.seed);
    std::shuffle(chosen.begin(), chosen.end(), random);
    chosen.resize(std::min<std::size_t>(chosen.size(), options_.recoveries_max));
    for (const auto& before : chosen) {
      if (!life_.owner_lives()) {
        files_.clear();
      }
      files_.put_back(before.files);
      ++totals_.recoveries;
      auto wrong = step("recovery in " + case_.name, [this] { life_.recover(); });
      for (std::size_t i = 0; wrong.empty() && i < left_.size(); ++i) {
        wrong = judged(left_[i]);
        if (wrong.empty() && left_[i].outcome != before.outcome) {
          wrong = at(left_[i], fmt::format("the outcome was {}, and a second death makes it {}", before.outcome,
                                           left_[i].outcome));
        }
      }
      if (!wrong.empty()) {
        return at(before, "the recovery is killed as well, " + wrong);
      }
    }
    return {};
  }

  // Fills left_ with what a death after each of the instructions leaves. The process is gone afterwards.
  std::string step(const std::string& name, const std::function<void()>& operation) {
    Stepper child([&] {
      mark();
      operation();
      mark();
    });
    if (child.run() != Stop::marked) {
      return "it cannot be prepared";
    }
    files_.look();
    left_ = {{.files = files_.copy()}};
    for (std::uint64_t instruction = 1; instruction <= instructions_max; ++instruction) {
      now_doing(name, instruction);
      const bool enters_kernel = child.is_at_system_call();
      const auto stop = child.step();
      if (stop == Stop::marked) {
        return {};
      }
      if (stop == Stop::ended) {
        return fmt::format("the operation itself ends by signal {} at +{:#x}", child.cause(), child.place());
      }
      ++totals_.boundaries;
      if (enters_kernel) {
        files_.look();
      }
      if (!files_.is(left_.back().files)) {
        left_.push_back({.files = files_.copy(), .instruction = instruction, .place = child.place()});
      }
    }
    return "it does not end";
  }

  std::string judged(Left& left) {
    now_doing(case_.name, left.instruction);
    const auto found = known_.find(left.files);
    if (found != known_.end()) {
      left.outcome = found->second;
      return {};
    }
    ++totals_.images;
    const auto wrong = life_.judge(left.files, left.outcome);
    known_.emplace(left.files, left.outcome);
    return wrong.empty() ? wrong : at(left, wrong);
  }
  [[nodiscard]] static std::string at(const Left& left, const std::string& wrong) {
    return fmt::format("killed after instruction {} (+{:#x}): {}", left.instruction, left.place, wrong);
  }

  Case case_;
  const StepkillOptions& options_;
  Totals& totals_;
  test::ScratchDirectory directory_;
  memory::Place place_ = case_.state.is_in_memory ? memory::Place::shm(fmt::format("stepkill-{:08}", ::getpid()))
                                                  : memory::Place::file(directory_ / "ring");
  WatchedDirectory files_{place_.directory(), place_.path().substr(place_.directory().size() + 1)};
  LifeOfARing<Kind> life_{case_, files_, place_};
  std::vector<Left> left_;
  std::map<Files, std::uint64_t> known_; // and the outcome
};

// Of the ring that is there; of the first of them all recoveries are stepped when all are wanted, else four.
constexpr std::array<State, 5> states{{
    {.name = "few unread, at the beginning"},
    {.name = "full, at the end of the ring, in memory", .is_full = true, .next = 16, .is_in_memory = true},
    {.name = "few unread, up to 2^31", .next = std::uint64_t{1} << 31},
    {.name = "few unread, up to 2^32, in memory", .next = std::uint64_t{1} << 32, .is_in_memory = true},
    {.name = "full, up to 2^63", .is_full = true, .next = std::uint64_t{1} << 63},
}};

} // namespace

int main(int argc, char** argv) {
  if (!may_step()) {
    std::printf("SKIPPED: stepkill_attach: a child process may not be single-stepped here (ptrace, x86-64)\n");
    return 77;
  }
  const std::string_view wanted = argc > 1 ? argv[1] : "";
  const StepkillOptions options{.seed = test::seed_or(1), .recoveries_max = recoveries_wanted(1)};
  const bool does_all = !wanted.empty() || options.recoveries_max > 1;
  begin_watch();
  Totals totals;
  std::uint64_t number = options.seed; // of the case: each has another state in a test run, and all of them otherwise
  const auto run = [&]<class Kind>(Kind, Case what) {
    const auto name = what.name;
    ++number;
    for (std::size_t i = 0; i < states.size(); ++i) {
      const auto& state = states[i];
      if (what.deed == Deed::make && i > 1) {
        break; // nothing was there: in a file, or in memory
      }
      what.state = state;
      what.name = fmt::format("{}, {}", name,
                              what.deed != Deed::make ? state.name
                              : state.is_in_memory    ? "in memory"
                                                      : "in a file");
      const bool is_chosen = does_all || i == number % (what.deed == Deed::make ? 2 : states.size());
      if (!is_chosen || what.name.find(wanted) == std::string::npos) {
        continue;
      }
      ++totals.scenarios;
      auto limited = options;
      limited.recoveries_max = std::min(limited.recoveries_max, i == 0 ? options.recoveries_max : 4);
      const auto wrong = Run<Kind>(what, limited, totals).all();
      if (!wrong.empty()) {
        std::fprintf(stderr, "FAILED (RINGFLEET_TEST_SEED=%llu): %s: %s\n",
                     static_cast<unsigned long long>(options.seed), what.name.c_str(), wrong.c_str());
        return false;
      }
    }
    return true;
  };
  const bool is_right = run(One{}, {"attach and read", Deed::read}) &&
                        run(Many{}, {"attach to a ring of many producers and read", Deed::read}) &&
                        run(Many{}, {"attach as another producer", Deed::produce_too, page_bytes}) &&
                        run(One{}, {"continue a ring", Deed::continue_it}) &&
                        run(Many{}, {"continue a ring of many producers", Deed::continue_it, page_bytes}) &&
                        run(One{}, {"replace a ring", Deed::replace}) &&
                        run(Many{}, {"replace a ring of many producers", Deed::replace, page_bytes}) &&
                        run(One{}, {"make a ring", Deed::make, page_bytes}) &&
                        run(Many{}, {"make a ring of many producers", Deed::make, page_bytes});
  return is_right ? report("stepkill_attach", totals, options) : 1;
}
