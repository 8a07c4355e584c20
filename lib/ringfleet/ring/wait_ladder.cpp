#include "ringfleet/ring/wait_ladder.hpp"

#include "ringfleet/os/affinity.hpp"

#include <sched.h>
#include <unistd.h>

namespace ringfleet::ring {

LadderSteps ladder_for(unsigned allowed_cpus, unsigned online_cpus) noexcept {
  if (online_cpus <= 1) {
    return {};
  }
  if (allowed_cpus <= 1) {
    return {.spins = 50, .yields = 40};
  }
  // About 15 µs, then 20 µs: together what parking and being woken costs, so that waiting never costs more than twice
  // the better of the two choices.
  return {.spins = 600, .yields = 40};
}

const LadderSteps& ladder_for_this_process() {
  static const LadderSteps steps = [] {
    const auto online = ::sysconf(_SC_NPROCESSORS_ONLN);
    return ladder_for(static_cast<unsigned>(os::allowed_cpus().size()), online < 1 ? 1 : static_cast<unsigned>(online));
  }();
  return steps;
}

void yield_core() noexcept {
  sched_yield();
}

} // namespace ringfleet::ring
