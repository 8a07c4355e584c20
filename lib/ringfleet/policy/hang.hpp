#pragma once

// Is a started call hung? The scheduler samples what each worker is executing at every tick and asks for a verdict:
// hung is a call 1 s past its deadline, or 60 s old when it has none.
//
// Age is measured in the scheduler's own time, which stands still while the scheduler does (fault 33).
//
// Not thread-safe; the supervisor owns one OwnTime and one HangWatch per lane and worker.

#include "ringfleet/base/clock.hpp"
#include "ringfleet/base/limits.hpp"
#include "ringfleet/policy/own_time.hpp"

#include <algorithm>
#include <cstdint>

namespace ringfleet::policy {

struct HangRules {
  Nanoseconds after_deadline = limits::hung_after_deadline;
  Nanoseconds without_deadline = limits::hung_without_deadline;
};

// What a worker executes, copied from its progress line.
struct StartedCall {
  std::uint64_t stamp = 0;         // 0: idle
  MonotonicNs deadline_ns = never; // 0 or `never`: none
};

enum class HangVerdict : std::uint8_t { idle, running, hung };

class HangWatch {
public:
  explicit HangWatch(HangRules rules = {}) noexcept : rules_(rules) {}

  // A call is known from the first tick that sees it: it gets its whole grace from there, even when its deadline had
  // passed by then. Another stamp is another call.
  [[nodiscard]] HangVerdict sample(const OwnTime& own, StartedCall call) noexcept {
    if (call.stamp == 0) {
      stamp_ = 0;
      return HangVerdict::idle;
    }
    if (call.stamp != stamp_) {
      stamp_ = call.stamp;
      hung_at_ = deadline_after(own.time(), grace(own.now(), call.deadline_ns));
    }
    return own.time() >= hung_at_ ? HangVerdict::hung : HangVerdict::running;
  }

private:
  [[nodiscard]] Nanoseconds grace(MonotonicNs now, MonotonicNs deadline_ns) const noexcept {
    if (deadline_ns == 0 || deadline_ns == never) {
      return rules_.without_deadline;
    }
    const MonotonicNs left = deadline_ns > now ? deadline_ns - now : 0;
    // The word comes from a runner: an absurd deadline must not buy more than a century.
    constexpr MonotonicNs left_max = 100ULL * 365 * 24 * 3'600 * 1'000'000'000;
    return Nanoseconds(static_cast<std::int64_t>(std::min(left, left_max))) + rules_.after_deadline;
  }

  HangRules rules_;
  std::uint64_t stamp_ = 0;
  MonotonicNs hung_at_ = 0;
};

} // namespace ringfleet::policy
