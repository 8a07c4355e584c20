#pragma once

// Turns a deadline into the forms the kernel wants.

#include "ringfleet/base/clock.hpp"

#include <ctime>

namespace ringfleet::os::detail {

[[nodiscard]] inline timespec to_timespec(MonotonicNs nanoseconds) noexcept {
  return {static_cast<std::time_t>(nanoseconds / 1'000'000'000U), static_cast<long>(nanoseconds % 1'000'000'000U)};
}

// Time left until the deadline; zero when it has passed. For calls that take a duration.
[[nodiscard]] inline timespec time_left(MonotonicNs deadline) noexcept {
  const MonotonicNs now = monotonic_now();
  return to_timespec(deadline > now ? deadline - now : 0);
}

} // namespace ringfleet::os::detail
