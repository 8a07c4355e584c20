#pragma once

// When a runner that died is started again. The first restart is at once, later ones back off (100 ms, doubling up to
// 30 s, each ± 20 %); 60 s of Ready forget everything. Five deaths within 30 s are a crash loop: callers are refused at
// once instead of being kept waiting for the next runner, and the restarts that go on are trials, none of them sooner
// than the back-off says. The loop ends with 60 s of Ready, too.
//
// One machine per place in the fleet (an instance of a module), not per runner: its memory outlives incarnations. Not
// thread-safe; the supervisor owns it.

#include "ringfleet/base/clock.hpp"
#include "ringfleet/base/limits.hpp"

#include <array>
#include <cstdint>
#include <optional>

namespace ringfleet::policy {

struct RestartRules {
  Nanoseconds backoff_first = limits::restart_backoff_first;
  Nanoseconds backoff_max = limits::restart_backoff_max;
  Nanoseconds reset_after = limits::restart_backoff_reset; // of Ready without a death
  Nanoseconds crash_loop_window = limits::crash_loop_window;
  bool budget = true; // false: every restart at once, never a crash loop (tests that kill a thousand times)
};

struct RestartDecision {
  MonotonicNs restart_at = 0;
  bool crash_loop = false;
};

class RestartMachine {
public:
  explicit RestartMachine(RestartRules rules = {}) noexcept : rules_(rules) {}

  // The runner died (before or after it was Ready). `random`: any 64 random bits; they become the jitter.
  [[nodiscard]] RestartDecision died(MonotonicNs now, std::uint64_t random) noexcept {
    forget_if_stable(now);
    ready_since_.reset();
    if (!rules_.budget) {
      return {now, false};
    }
    const std::uint64_t earlier = deaths_;
    times_[deaths_ % times_.size()] = now;
    ++deaths_;
    if (deaths_ >= times_.size()) {
      const MonotonicNs oldest = times_[deaths_ % times_.size()];
      crash_loop_ = crash_loop_ || now - oldest <= nanoseconds(rules_.crash_loop_window);
    }
    if (earlier == 0) {
      return {now, crash_loop_};
    }
    return {deadline_after(now, jittered(backoff(earlier), random)), crash_loop_};
  }

  // The runner that was started last is Ready.
  void ready(MonotonicNs now) noexcept { ready_since_ = now; }

  // Does the fleet refuse calls at once while no runner is Ready?
  [[nodiscard]] bool crash_loop(MonotonicNs now) noexcept {
    forget_if_stable(now);
    return crash_loop_;
  }

private:
  static constexpr MonotonicNs nanoseconds(Nanoseconds span) noexcept { return static_cast<MonotonicNs>(span.count()); }

  void forget_if_stable(MonotonicNs now) noexcept {
    if (ready_since_ && now - *ready_since_ >= nanoseconds(rules_.reset_after)) {
      deaths_ = 0;
      crash_loop_ = false;
    }
  }

  // `earlier` ≥ 1 deaths before this one: 1 → first, 2 → first × 2, …
  [[nodiscard]] Nanoseconds backoff(std::uint64_t earlier) const noexcept {
    Nanoseconds delay = rules_.backoff_first;
    for (std::uint64_t doubling = 1; doubling < earlier && delay < rules_.backoff_max; ++doubling) {
      delay *= 2;
    }
    return delay < rules_.backoff_max ? delay : rules_.backoff_max;
  }

  // 80 % … 120 % in steps of a tenth of a percent, so that a fleet that died together does not restart together.
  [[nodiscard]] static Nanoseconds jittered(Nanoseconds delay, std::uint64_t random) noexcept {
    return delay / 1'000 * static_cast<std::int64_t>(800 + random % 401);
  }

  RestartRules rules_;
  std::array<MonotonicNs, limits::crash_loop_deaths> times_{}; // of the latest deaths, a ring
  std::uint64_t deaths_ = 0;
  std::optional<MonotonicNs> ready_since_;
  bool crash_loop_ = false;
};

} // namespace ringfleet::policy
