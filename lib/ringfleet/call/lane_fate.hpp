#pragma once

// What became of each call of a lane whose runner has died. Taken once, from memory that nobody can have touched since;
// exact, because a runner announces a call on its progress line before it enters the module and stamps the reply before
// it clears that line.

#include "ringfleet/base/limits.hpp"

#include <array>
#include <cstdint>
#include <vector>

namespace ringfleet::call {

enum class Fate : std::uint8_t {
  queued,  // never started: safe to send elsewhere
  started, // the module may have acted on it
  replied  // the reply is there, complete
};

struct LaneFates {
  struct Range {
    std::uint64_t first = 0;
    std::uint32_t count = 0;
  };

  std::array<Range, limits::workers_max> executing{}; // per worker; count 0: idle
  std::vector<std::uint64_t> stamps;                  // per slot
  bool all_started = false; // the runner's memory is implausible: nothing can be called queued

  // `position` must have been claimed on this lane and not released.
  [[nodiscard]] Fate of(std::uint64_t position) const noexcept {
    if (stamps[position & (stamps.size() - 1)] == position + 1) {
      return Fate::replied;
    }
    if (all_started) {
      return Fate::started;
    }
    for (const auto& range : executing) {
      if (position - range.first < range.count) {
        return Fate::started;
      }
    }
    return Fate::queued;
  }
};

} // namespace ringfleet::call
