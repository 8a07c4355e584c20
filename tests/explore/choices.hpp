#pragma once

// What a run decided, point by point: the next run repeats all but the last decision that has an alternative. Or, with
// a seed, each run decides at random.

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace ringfleet::explore {

struct Option {
  enum What : std::uint8_t { go_on, flush, preempt, die, expire, early } what;
  unsigned process;
  std::uint32_t number = 0; // flush: which store of its buffer; early: which past value
};

class Choices {
public:
  // 0: depth first.
  explicit Choices(std::uint64_t seed) : is_random_(seed != 0), random_(seed) {}

  void forget() { choices_.clear(); }
  void begin_run() { depth_ = 0; }

  Option choose(const std::vector<Option>& options) {
    if (depth_ == choices_.size()) {
      std::uint32_t taken = 0;
      if (is_random_ && random_() % 8 == 0) {
        taken = static_cast<std::uint32_t>(random_() % options.size());
      }
      choices_.push_back({taken, static_cast<std::uint32_t>(options.size()), {}});
    }
    auto& choice = choices_[depth_++];
    choice.option = options[choice.taken];
    return choice.option;
  }
  // False: that was the last one.
  bool next_run() {
    while (!choices_.empty() && choices_.back().taken + 1 == choices_.back().of) {
      choices_.pop_back();
    }
    if (choices_.empty()) {
      return false;
    }
    ++choices_.back().taken;
    return true;
  }
  // Only what was not "go on".
  [[nodiscard]] std::string story() const {
    static constexpr const char* names[] = {"process ",  "a store of ", "preempted by ",
                                            "death of ", "late: ",      "an early load of "};
    std::string text = "\nchoices:";
    for (std::size_t i = 0; i < depth_; ++i) {
      if (choices_[i].taken != 0) {
        text.append(" ").append(std::to_string(i)).append(": ").append(names[choices_[i].option.what]);
        text.append(std::to_string(choices_[i].option.process)).append(";");
      }
    }
    return text;
  }

private:
  struct Choice {
    std::uint32_t taken;
    std::uint32_t of;
    Option option;
  };

  bool is_random_;
  std::mt19937_64 random_;
  std::vector<Choice> choices_;
  std::size_t depth_ = 0;
};

} // namespace ringfleet::explore
