#pragma once

// How long a reader waits before it looks for more. Each look takes the line of the cursor away from the producer, so a
// reader that is as fast as its producer, and looks again at once, makes both run at the speed at which a line moves: a
// few elements a look. If it looks a little later it finds many more, and the producer is not disturbed meanwhile.
//
// Whether that is so cannot be known, only tried. After some looks in a row that found little, the rate is measured: of
// looks at once, then of looks after more and more pauses, as long as each step makes the stream flow faster by a
// quarter. The last that did stays for a while. That later looks find more is not enough: of a stream that comes at its
// own pace they would as well, only later. Where no pause pays (the producer waits for this reader, or has a pace of
// its own, or is the same thread) it is tried again much later. A look that finds nothing ends it all: whoever waits
// for a single element, or answers one before it looks for the next, is never delayed.
//
//   glancing --little, 4 times--> trying(0) --> trying(16) --> trying(32) --> trying(64) --> resting(64)
//      ^                                            '-- not faster --> resting(the step before) --'   |
//      '---------- found nothing, anywhere; or rested long enough ------------------------------------'

#include "ringfleet/base/clock.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace ringfleet::ring {

// One thread.
class LookPacer {
public:
  // Of the core, before the next look.
  [[nodiscard]] std::uint32_t pauses() const noexcept { return steps[step_]; }

  // A look found so many elements. `clock()` gives ticks; it is asked where a measurement begins or ends only.
  template <class Clock>
  void looked(std::uint64_t found, Clock&& clock) noexcept {
    if (found == 0) [[unlikely]] {
      *this = {};
      return;
    }
    found_ += found;
    if (--looks_left_ == 0) [[unlikely]] {
      switch (phase_) {
      case Phase::glancing: glanced(clock); break;
      case Phase::trying: tried(clock()); break;
      case Phase::resting: *this = {}; break;
      }
    }
  }

  static constexpr std::array<std::uint32_t, 4> steps = {0, 16, 32, 64};
  static constexpr std::uint32_t glances = 4;
  static constexpr std::uint32_t tries = 8; // of each step
  // Looks until the next trial, which costs some tens of microseconds of the best rate, or of latency.
  static constexpr std::uint32_t rests_paused = 256;
  static constexpr std::uint32_t rests_at_once = 4096;

private:
  enum class Phase : std::uint8_t { glancing, trying, resting };

  template <class Clock>
  void glanced(Clock&& clock) noexcept {
    if (found_ < found_min * glances || found_ >= found_max * glances) {
      *this = {};
    } else {
      enter(Phase::trying, 0, tries);
      begin_ = clock();
    }
  }
  void tried(Ticks now) noexcept {
    const auto time = std::max<Ticks>(now - begin_, 1);
    // found_ / time against best_found_ / best_time_, without a division; an overflow could only misjudge.
    const bool is_faster = step_ == 0 || 4 * found_ * best_time_ > 5 * best_found_ * time;
    if (!is_faster) {
      rest_at(step_ - 1);
      return;
    }
    best_found_ = found_;
    best_time_ = time;
    if (step_ + 1 == steps.size()) {
      rest_at(step_);
    } else {
      enter(Phase::trying, step_ + 1, tries);
      begin_ = now;
    }
  }
  void rest_at(std::size_t step) noexcept { enter(Phase::resting, step, step == 0 ? rests_at_once : rests_paused); }
  void enter(Phase phase, std::size_t step, std::uint32_t looks) noexcept {
    phase_ = phase;
    step_ = static_cast<std::uint32_t>(step);
    looks_left_ = looks;
    found_ = 0;
  }

  // Fewer a look: there is no hurry. More: the look costs little beside them.
  static constexpr std::uint64_t found_min = 2;
  static constexpr std::uint64_t found_max = 64;

  Phase phase_ = Phase::glancing;
  std::uint32_t step_ = 0;
  std::uint32_t looks_left_ = glances;
  std::uint64_t found_ = 0; // in this phase, at this step
  Ticks begin_ = 0;         // of the measurement
  std::uint64_t best_found_ = 0;
  Ticks best_time_ = 0;
};

} // namespace ringfleet::ring
