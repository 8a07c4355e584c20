#include "ringfleet/ring/barrier.hpp"

namespace ringfleet::ring {

void Barrier::park(BellList& bells, std::uint32_t obituary_seen, MonotonicNs deadline) {
  bells.add(stop_->park_word());
  if (options_.obituary != nullptr) {
    bells.add(options_.obituary->park_word(obituary_seen));
  }
  // Whatever ends the sleep, wait() looks again.
  (void)os::futex_wait_any(bells.words(), deadline);
}

} // namespace ringfleet::ring
