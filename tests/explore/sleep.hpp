#pragma once

// What a process of the explorer sleeps on.

#include <cstdint>
#include <vector>

namespace ringfleet::explore {

struct SleepWord {
  const std::uint32_t* word = nullptr;
  std::uint32_t value = 0;
  [[nodiscard]] bool is_changed() const { return word != nullptr && *word != value; }
};

// Until a word has changed or somebody has died.
struct Sleep {
  SleepWord one;
  SleepWord other;
  unsigned deaths_seen;
  [[nodiscard]] bool is_over(unsigned deaths) const {
    return one.is_changed() || other.is_changed() || deaths != deaths_seen;
  }
};

// Until somebody wakes it, or its deadline passes.
struct Parked {
  std::vector<const std::uint32_t*> words;
  bool has_deadline = false;
  bool is_woken = false;
};

} // namespace ringfleet::explore
