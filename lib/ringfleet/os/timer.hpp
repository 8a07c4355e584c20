#pragma once

// A timer that a poller can wait for (timerfd), on the monotonic clock.

#include "ringfleet/base/clock.hpp"
#include "ringfleet/os/descriptor.hpp"

namespace ringfleet::os {

class Timer {
public:
  // Throws Error(no_descriptors).
  Timer();

  [[nodiscard]] int fd() const noexcept { return descriptor_.get(); } // readable when it has fired

  // Any thread. Fires first after `period`, then again and again.
  void start(Nanoseconds period) noexcept;
  void stop() noexcept;
  // Not readable any more until it fires again. Never blocks.
  void drain() noexcept;

private:
  Descriptor descriptor_;
};

} // namespace ringfleet::os
