#include "ringfleet/ring/wait_ladder.hpp"

#include "ringfleet/os/affinity.hpp"

#include <sched.h>

namespace ringfleet::ring {

LadderSteps ladder_for(unsigned cpus) noexcept {
  if (cpus <= 1) {
    return {};
  }
  // About 3 µs, then 5 to 10 µs: together what a futex round trip costs, so that waiting never costs more than twice
  // the better of the two choices.
  return {.spins = 2'000, .pauses = 200, .yields = 2};
}

const LadderSteps& ladder_for_this_process() {
  static const LadderSteps steps = ladder_for(static_cast<unsigned>(os::allowed_cpus().size()));
  return steps;
}

void pause_core() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm("yield");
#endif
}

void yield_core() noexcept {
  sched_yield();
}

} // namespace ringfleet::ring
