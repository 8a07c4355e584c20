#pragma once

// A mutual exclusion whose holder may be long about it: whoever waits for its turn does so until a deadline of its own.

#include "ringfleet/base/clock.hpp"

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace ringfleet::call {

// Any thread. Not in shared memory.
class Turn {
public:
  // Holds it as long as it exists, unless the deadline came first.
  class Hold {
  public:
    Hold(Turn& turn, MonotonicNs deadline) : turn_(turn), is_held_(turn.take(deadline)) {}
    ~Hold() {
      if (is_held_) {
        turn_.give_back();
      }
    }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;
    [[nodiscard]] explicit operator bool() const noexcept { return is_held_; }

  private:
    Turn& turn_;
    const bool is_held_;
  };

private:
  [[nodiscard]] bool take(MonotonicNs deadline) {
    std::unique_lock lock(mutex_);
    while (is_taken_) {
      const auto now = monotonic_now();
      if (now >= deadline) {
        return false;
      }
      constexpr MonotonicNs at_once_max = 3'600'000'000'000; // longer ones overflow in some clocks
      changed_.wait_for(lock, Nanoseconds(static_cast<std::int64_t>(std::min(deadline - now, at_once_max))));
    }
    is_taken_ = true;
    return true;
  }
  void give_back() {
    {
      const std::lock_guard lock(mutex_);
      is_taken_ = false;
    }
    changed_.notify_all(); // one that gives up at this moment must not take the news along
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_taken_ = false;
};

} // namespace ringfleet::call
