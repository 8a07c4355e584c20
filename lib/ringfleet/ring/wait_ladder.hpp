#pragma once

// How to wait: look, look again after a short pause, look after yielding, then park. Nobody sleeps in a loop. How long
// each rung is depends on the machine: with one core a spinning waiter only keeps the producer from running, so there
// it parks at once.
//
// The pause between two looks is part of the speed: a reader that looks too often takes the lines away from the writer
// between two of its stores, and the writer has to fetch them back; one that looks too seldom sees late what has come.
// A stream wants short pauses (its reader is rarely ahead of the writer), question and answer longer ones: see
// call/lane_ladder.hpp.

#include "ringfleet/base/atomics.hpp"
#include "ringfleet/base/clock.hpp"
#include "ringfleet/os/host.hpp"

#include <cstdint>

namespace ringfleet::ring {

struct LadderSteps {
  std::uint32_t spins = 0;  // pauses of the core, with a look before each, or before every few
  std::uint32_t yields = 0; // looks after giving up the core
};

// On a machine with one core: park at once. A process tied to one of several cores may share it with its peer or not,
// so it spins briefly and then yields.
[[nodiscard]] LadderSteps ladder_for(unsigned allowed_cpus, unsigned online_cpus) noexcept;
// Asks the kernel once per process, then remembers.
[[nodiscard]] const LadderSteps& ladder_for_this_process();

inline void pause_core() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm("yield");
#endif
}
void yield_core() noexcept;

// Climbs until ready() says true (returns true) or the ladder ends (returns false: park, or begin again). Reads no
// clock; enters the kernel on the last rung only.
template <std::uint32_t pauses_between_looks = 1, class Ready>
[[nodiscard]] bool climb(const LadderSteps& steps, Ready&& ready) {
  for (std::uint32_t spin = 0; spin <= steps.spins; spin += pauses_between_looks) {
    if (ready()) {
      return true;
    }
    for (std::uint32_t i = 0; i < pauses_between_looks; ++i) {
      pause_core();
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

// Shortens the ladder where climbing it does not pay, because the peer is slow or has no core to run on, and lengthens
// it again where it does. A wait that ended in a park of less than `worth_climbing` counts as one that should have been
// climbed: two peers that park on each other make every wait as long as two wakes, and would never get out of it if
// only a success lengthened the ladder. Any thread; the measure is a hint, and a lost update only delays the
// adaptation.
template <std::uint32_t pauses_between_looks = 1>
class AdaptiveLadder {
public:
  explicit AdaptiveLadder(const LadderSteps& full) noexcept : full_(full) {}

  template <class A = Atomics, class Ready>
  [[nodiscard]] bool climb(Ready&& ready) {
    if constexpr (!os::Host<A>::climbs) {
      return ready();
    }
    const auto shift = Atomics::load_relaxed(shift_);
    const bool found =
        ring::climb<pauses_between_looks>(LadderSteps{full_.spins >> shift, full_.yields >> shift}, ready);
    if (found && shift > 0) {
      lengthen(shift);
    }
    return found;
  }

  // After a park that followed a failed climb.
  void parked_for(MonotonicNs duration_ns) noexcept {
    const auto shift = Atomics::load_relaxed(shift_);
    if (duration_ns < worth_climbing_ns) {
      lengthen(shift);
    } else if (shift < shift_max) {
      Atomics::store_relaxed(shift_, shift + 1);
    }
  }

private:
  // Far above two wakes on a slow virtual machine, so far that the climb before is a few percent of it.
  static constexpr MonotonicNs worth_climbing_ns = 500'000;
  static constexpr std::uint32_t shift_max = 6;

  void lengthen(std::uint32_t shift) noexcept {
    if (shift > 0) {
      Atomics::store_relaxed(shift_, shift - 1);
    }
  }

  LadderSteps full_;
  std::uint32_t shift_ = 0;
};

} // namespace ringfleet::ring
