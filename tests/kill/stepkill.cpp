#include "stepkill.hpp"

#include "../scale.hpp"
#include "../seed.hpp"
#include "images.hpp"
#include "stepper.hpp"
#include "watchdog.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <limits>
#include <random>
#include <string_view>
#include <unordered_map>

#include <fmt/format.h>

namespace ringfleet::kill {
namespace {

using Stop = Stepper::Stop;

std::string end_of(const Stepper& child) {
  return fmt::format("the operation itself ends by signal {} at +{:#x}", child.cause(), child.place());
}

// Another one for each scenario, so that all draw differently.
std::uint64_t number_of(const std::string& name, std::uint64_t seed) {
  return std::hash<std::string>{}(fmt::format("{} {}", name, seed));
}

bool wants_all() {
  const char* const text = std::getenv("RINGFLEET_STEPKILL");
  return text != nullptr && std::string_view(text) == "all";
}

class Run {
public:
  Run(const Scenario& scenario, const StepkillOptions& options, Totals& totals)
      : scenario_(scenario), options_(options), totals_(totals), shared_(scenario.bytes, Pages::shared),
        scratch_(scenario.bytes, Pages::own) {}

  std::string all() {
    Stepper child([this] {
      for (bool operates = true;; operates = false) {
        const auto world = scenario_.make(shared_.bytes());
        mark();
        operates ? world->operate() : world->recover();
        mark();
      }
    });
    if (child.run() != Stop::marked) {
      return "it cannot be prepared: " + end_of(child);
    }
    auto wrong = step_operation(child);
    for (std::size_t i = 0; wrong.empty() && i < chosen(); ++i) {
      wrong = step_recovery(child, i);
    }
    return wrong;
  }

private:
  struct Left {
    Image image;
    std::uint64_t outcome;
  };

  std::string step_operation(Stepper& child) {
    before_ = shared_.copy();
    std::uint64_t last = 0;
    const auto wrong = step_to_mark(child, scenario_.name, [&](const Image& image) {
      auto verdict = judged(image);
      if (verdict.wrong.empty() && verdict.outcome < last) {
        verdict.wrong = fmt::format("the outcome was {}, and is {} now", last, verdict.outcome);
      }
      last = verdict.outcome;
      left_.push_back({image, verdict.outcome});
      return verdict.wrong;
    });
    if (!wrong.empty()) {
      return wrong;
    }
    const auto promised = scenario_.make(scratch_.bytes())->promised();
    if (left_.front().outcome != 0 || last != promised) {
      return fmt::format("the outcome is {} before the first instruction, and {} of {} behind the last one",
                         left_.front().outcome, last, promised);
    }
    if (left_.size() > options_.recoveries_max) {
      std::mt19937_64 random(number_of(scenario_.name, options_.seed));
      std::shuffle(left_.begin(), left_.end(), random);
    }
    return {};
  }

  [[nodiscard]] std::size_t chosen() const { return std::min<std::size_t>(left_.size(), options_.recoveries_max); }

  std::string step_recovery(Stepper& child, std::size_t index) {
    const auto left = left_[index];
    if (child.run() != Stop::marked) {
      return "the world cannot be made again: " + end_of(child);
    }
    shared_.set(left.image);
    before_ = left.image;
    ++totals_.recoveries;
    return step_to_mark(child, "recovery in " + scenario_.name, [&](const Image& image) {
      auto verdict = judged(image);
      if (verdict.wrong.empty() && verdict.outcome != left.outcome) {
        verdict.wrong =
            fmt::format("the outcome was {}, and a second death makes it {}", left.outcome, verdict.outcome);
      }
      return verdict.wrong;
    });
  }

  // `judge` is shown the first image and then each one that differs from the one before.
  template <class Judge>
  std::string step_to_mark(Stepper& child, const std::string& name, Judge&& judge) {
    auto last = shared_.copy();
    auto wrong = judge(last);
    for (std::uint64_t instruction = 1; wrong.empty(); ++instruction) {
      now_doing(name, instruction);
      const auto stop = child.step();
      if (stop == Stop::marked) {
        return {};
      }
      if (stop == Stop::ended) {
        return end_of(child);
      }
      ++totals_.boundaries;
      if (!shared_.is(last)) {
        last = shared_.copy();
        wrong = judge(last);
      }
      if (wrong.empty() && instruction == options_.instructions_max) {
        wrong = "it does not end";
      }
      if (!wrong.empty()) {
        return fmt::format("killed after instruction {} (+{:#x}): {}\n{}", instruction, child.place(), wrong,
                           difference(before_, last));
      }
    }
    return "before the first instruction: " + wrong;
  }

  Verdict judged(const Image& image) {
    const auto hash = hash_of(image);
    if (const auto found = known_.find(hash); found != known_.end()) {
      return {.wrong = {}, .outcome = found->second};
    }
    ++totals_.images;
    auto verdict = judge(image);
    known_.emplace(hash, verdict.outcome);
    return verdict;
  }

  Verdict judge(const Image& image) {
    const auto world = scenario_.make(scratch_.bytes());
    scratch_.set(image);
    world->recover();
    const auto recovered = scratch_.copy();
    world->recover();
    if (!scratch_.is(recovered)) {
      return {"recovering again changes the memory\n" + difference(recovered, scratch_.copy())};
    }
    auto verdict = world->verdict();
    if (verdict.wrong.empty()) {
      const auto used = scratch_.copy();
      world->recover();
      if (!scratch_.is(used)) {
        verdict.wrong = "recovering when all is done changes the memory\n" + difference(used, scratch_.copy());
      }
    }
    return verdict;
  }

  const Scenario& scenario_;
  const StepkillOptions& options_;
  Totals& totals_;
  Pages shared_;
  Pages scratch_;
  Image before_;
  std::vector<Left> left_;                                 // by the operation
  std::unordered_map<std::uint64_t, std::uint64_t> known_; // hash of an image → outcome
};

} // namespace

std::string stepkill(const Scenario& scenario, const StepkillOptions& options, Totals& totals) {
  ++totals.scenarios;
  Run run(scenario, options, totals);
  auto wrong = run.all();
  return wrong.empty() ? wrong : scenario.name + ": " + wrong;
}

std::uint64_t recoveries_wanted(std::uint64_t usual) {
  return wants_all() ? std::numeric_limits<std::uint64_t>::max() : test::rounds_or(usual);
}

int report(const char* program, const Totals& totals, const StepkillOptions& options) {
  const auto sample = options.one_of == 1 ? "" : fmt::format("one scenario of {}, ", options.one_of);
  const auto recoveries = options.recoveries_max == std::numeric_limits<std::uint64_t>::max()
                              ? std::string("all recoveries")
                              : fmt::format("at most {} recoveries a scenario", options.recoveries_max);
  std::fputs(fmt::format("{}: {} instruction boundaries in {} scenarios, {} distinct images, {} recoveries stepped: "
                         "0 lost, 0 stuck ({}{}, seed {})\n"
                         "totals: boundaries={} scenarios={} images={} recoveries={}\n",
                         program, totals.boundaries, totals.scenarios, totals.images, totals.recoveries, sample,
                         recoveries, options.seed, totals.boundaries, totals.scenarios, totals.images,
                         totals.recoveries)
                 .c_str(),
             stdout);
  return totals.scenarios == 0 ? 1 : 0;
}

int stepkill_main(int argc, char** argv, const char* program, const std::vector<Scenario>& scenarios,
                  const Usual& usual) {
  if (!may_step()) {
    std::printf("SKIPPED: %s: a child process may not be single-stepped here (ptrace, x86-64)\n", program);
    return 77;
  }
  const std::string_view wanted = argc > 1 ? argv[1] : "";
  const StepkillOptions options{.seed = test::seed_or(1),
                                .recoveries_max = recoveries_wanted(usual.recoveries_max),
                                .one_of = wanted.empty() && !wants_all() ? usual.one_of : 1};
  begin_watch();
  Totals totals;
  // Sanitizers make every step dear: one scenario of so many, another one with another seed.
  for (std::size_t i = options.seed % test::scale_down; i < scenarios.size(); i += test::scale_down) {
    const auto& name = scenarios[i].name;
    if (name.find(wanted) == std::string::npos || number_of(name, options.seed) % options.one_of != 0) {
      continue;
    }
    if (const auto wrong = stepkill(scenarios[i], options, totals); !wrong.empty()) {
      std::fprintf(stderr, "FAILED (RINGFLEET_TEST_SEED=%llu): %s\n", static_cast<unsigned long long>(options.seed),
                   wrong.c_str());
      return 1;
    }
  }
  return report(program, totals, options);
}

} // namespace ringfleet::kill
