#pragma once

// A scheduler's own time, which stands still while the scheduler does. After a SIGSTOP, a suspend or a long pause of
// the virtual machine everybody looks ancient, and ending them all would be a mass false kill (fault 33). A tick
// therefore counts for two periods at most, however late it comes.
//
// Not thread-safe.

#include "ringfleet/base/clock.hpp"

#include <algorithm>

namespace ringfleet::policy {

// Advances only by ticks that were really made.
class OwnTime {
public:
  explicit OwnTime(Nanoseconds tick_period) noexcept : tick_max_(2 * static_cast<MonotonicNs>(tick_period.count())) {}

  // Call at every tick, with the monotonic clock; also between ticks, as often as you like.
  void tick(MonotonicNs now) noexcept {
    if (started_ && now > last_) {
      time_ += std::min(now - last_, tick_max_);
    }
    last_ = now;
    started_ = true;
  }

  // Comparable only with itself.
  [[nodiscard]] MonotonicNs time() const noexcept { return time_; }
  // The clock at the latest tick.
  [[nodiscard]] MonotonicNs now() const noexcept { return last_; }

private:
  MonotonicNs tick_max_;
  MonotonicNs time_ = 0;
  MonotonicNs last_ = 0;
  bool started_ = false;
};

// What another one may take, in own time: what the scheduler slept through is not taken from it.
class OwnDeadline {
public:
  explicit OwnDeadline(Nanoseconds tick_period) noexcept : own_(tick_period) {}

  void set(MonotonicNs now, Nanoseconds allowed) noexcept {
    own_.tick(now);
    at_ = deadline_after(own_.time(), allowed);
  }
  void clear() noexcept { at_ = never; }

  // Call at every tick.
  [[nodiscard]] bool has_passed(MonotonicNs now) noexcept {
    own_.tick(now);
    return at_ != never && own_.time() >= at_;
  }

  // What the clock will show when it passes, if nothing is slept through from the latest tick on.
  [[nodiscard]] MonotonicNs on_clock() const noexcept {
    if (at_ == never) {
      return never;
    }
    const MonotonicNs left = at_ - std::min(at_, own_.time());
    return left >= never - own_.now() ? never : own_.now() + left;
  }

private:
  OwnTime own_;
  MonotonicNs at_ = never; // own time
};

} // namespace ringfleet::policy
