#pragma once

// Whether a lane can be parked on. Fixed when the lane is created, the same on both sides.

#include <cstdint>
#include <string_view>

namespace ringfleet::call {

enum class WaitMode : std::uint8_t {
  park, // waiting ends in the kernel; every publish looks whether somebody sleeps
  spin  // nobody ever sleeps: waiting occupies a core, publishing is the bare release store
};

[[nodiscard]] constexpr std::string_view to_string(WaitMode mode) noexcept {
  switch (mode) {
  case WaitMode::park: return "park";
  case WaitMode::spin: return "spin";
  }
  return "unknown";
}

} // namespace ringfleet::call
