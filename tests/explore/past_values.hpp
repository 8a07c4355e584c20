#pragma once

// What the words held before, for loads that a core does early: the value is one that the word held at some time behind
// the floor of the process, and none older than the process has seen in that word or stored there. The floor rises to
// the present by a barrier or by a change of a word in one step, and by an acquire load to when the value that it
// loaded came into its word.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace ringfleet::explore {

template <unsigned Processes>
class PastValues {
public:
  void clear() {
    now_ = 0;
    past_.clear();
    floors_.fill(0);
    for (auto& seen : seen_) {
      seen.clear();
    }
  }
  // The word, which held `before`, is changed by a store of this process.
  void changes(unsigned process, const void* word, std::uint64_t before) {
    past_.push_back({word, before, ++now_});
    see(process, word, now_);
  }
  // Nothing that the process loads from now on is older than now.
  void order(unsigned process) { floors_[process] = now_; }
  // Calls `each` with the number of each older value that the process may still load, the latest first.
  template <class Each>
  void for_each_older(unsigned process, const void* word, Each&& each) const {
    const auto floor = std::max(floors_[process], seen_at(process, word));
    for (auto i = past_.size(); i-- > 0 && past_[i].until > floor;) {
      if (past_[i].word == word) {
        each(static_cast<std::uint32_t>(i));
      }
    }
  }
  std::uint64_t load_older(unsigned process, std::uint32_t number, bool is_acquire) {
    const auto& past = past_[number];
    see(process, past.word, past.until - 1);
    if (is_acquire) {
      raise_floor(process, came_at(past.word, number));
    }
    return past.value;
  }
  void load_latest(unsigned process, const void* word, bool is_acquire) {
    see(process, word, now_);
    if (is_acquire) {
      raise_floor(process, came_at(word, past_.size()));
    }
  }

private:
  struct Past {
    const void* word;
    std::uint64_t value;
    std::uint64_t until;
  };
  struct Seen {
    const void* word;
    std::uint64_t at;
  };

  void raise_floor(unsigned process, std::uint64_t at) { floors_[process] = std::max(floors_[process], at); }
  // When the value that the word held before change `number` had come into it.
  std::uint64_t came_at(const void* word, std::size_t number) const {
    for (auto i = number; i-- > 0;) {
      if (past_[i].word == word) {
        return past_[i].until;
      }
    }
    return 0;
  }
  std::uint64_t seen_at(unsigned process, const void* word) const {
    const auto& seen = seen_[process];
    const auto found = std::find_if(seen.begin(), seen.end(), [&](const Seen& one) { return one.word == word; });
    return found == seen.end() ? 0 : found->at;
  }
  void see(unsigned process, const void* word, std::uint64_t at) {
    auto& seen = seen_[process];
    const auto found = std::find_if(seen.begin(), seen.end(), [&](const Seen& one) { return one.word == word; });
    if (found == seen.end()) {
      seen.push_back({word, at});
    } else {
      found->at = std::max(found->at, at);
    }
  }

  std::uint64_t now_ = 0; // how often a word was changed
  std::vector<Past> past_;
  std::array<std::uint64_t, Processes> floors_{};
  std::array<std::vector<Seen>, Processes> seen_;
};

} // namespace ringfleet::explore
