#pragma once

// How many started calls of idempotent methods may be retried after their runner died: one in five calls, so that a
// module that kills every runner it reaches cannot multiply its own load. A small floor lets a quiet client retry at
// all, a ceiling keeps a busy hour from paying for a storm.
//
// Nothing happens on the call path: the budget is told the number of calls when a retry is asked for. Not thread-safe;
// retries are rare enough for a lock of the caller's.

#include <algorithm>
#include <cstdint>

namespace ringfleet::policy {

class RetryBudget {
public:
  static constexpr std::uint64_t percent = 20;
  static constexpr std::uint64_t floor_retries = 10;      // available before the first call
  static constexpr std::uint64_t ceiling_retries = 1'000; // that can be saved up

  // May one more call be retried? True takes it out of the budget. `calls_total`: calls begun so far, retries not
  // counted, never decreasing.
  [[nodiscard]] constexpr bool admit(std::uint64_t calls_total) noexcept {
    const std::uint64_t fresh = calls_total > seen_ ? calls_total - seen_ : 0;
    seen_ += fresh;
    constexpr std::uint64_t full = ceiling_retries * 100;
    credit_ = std::min(full, credit_ + std::min(fresh, full) * percent);
    if (credit_ < 100) {
      return false;
    }
    credit_ -= 100;
    return true;
  }

private:
  std::uint64_t seen_ = 0;
  std::uint64_t credit_ = floor_retries * 100; // hundredths of a retry
};

} // namespace ringfleet::policy
