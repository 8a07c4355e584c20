#pragma once

// How to wait: look at once, look in a tight loop, look with a pause between, look after yielding, then park. Nobody
// sleeps in a loop. How long each rung is depends on the machine: with one core a spinning waiter only keeps the
// producer from running, so there it parks at once.
//
// The tight rung has no `pause`: on the path of a message the pause is the longest part of the delay.

#include "ringfleet/base/atomics.hpp"

#include <cstdint>

namespace ringfleet::ring {

struct LadderSteps {
  std::uint32_t spins = 0;  // looks back to back
  std::uint32_t pauses = 0; // looks with a pause before each
  std::uint32_t yields = 0; // looks after giving up the core
};

// For `cpus` cores that this process may run on.
[[nodiscard]] LadderSteps ladder_for(unsigned cpus) noexcept;
// Asks the kernel once per process, then remembers.
[[nodiscard]] const LadderSteps& ladder_for_this_process();

void pause_core() noexcept;
void yield_core() noexcept;

// Climbs until ready() says true (returns true) or the ladder ends (returns false: park, or begin again). Reads no
// clock; enters the kernel on the last rung only.
template <class Ready>
[[nodiscard]] bool climb(const LadderSteps& steps, Ready&& ready) {
  for (std::uint32_t i = 0; i <= steps.spins; ++i) {
    if (ready()) {
      return true;
    }
  }
  for (std::uint32_t i = 0; i < steps.pauses; ++i) {
    pause_core();
    if (ready()) {
      return true;
    }
  }
  for (std::uint32_t i = 0; i < steps.yields; ++i) {
    yield_core();
    if (ready()) {
      return true;
    }
  }
  return false;
}

// Shortens the ladder where climbing it does not pay (the peer is slow, or has no core to run on), and lengthens it
// again where it does. Any thread; the measure is a hint, and a lost update only delays the adaptation.
class AdaptiveLadder {
public:
  explicit AdaptiveLadder(const LadderSteps& full) noexcept : full_(full) {}

  template <class Ready>
  [[nodiscard]] bool climb(Ready&& ready) {
    const auto shift = Atomics::load_relaxed(shift_);
    const bool found =
        ring::climb(LadderSteps{full_.spins >> shift, full_.pauses >> shift, full_.yields >> shift}, ready);
    if (found ? shift > 0 : shift < shift_max) {
      Atomics::store_relaxed(shift_, found ? shift - 1 : shift + 1);
    }
    return found;
  }

private:
  static constexpr std::uint32_t shift_max = 6;
  LadderSteps full_;
  std::uint32_t shift_ = 0;
};

} // namespace ringfleet::ring
