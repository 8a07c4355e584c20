#include "ringfleet/ring/barrier.hpp"

namespace ringfleet::ring {

void Barrier::park(std::span<os::FutexWord> words, std::size_t behind, std::uint32_t obituary_seen,
                   MonotonicNs deadline) {
  if (options_.obituary != nullptr) {
    words[behind++] = options_.obituary->park_word(obituary_seen);
  }
  // Whatever ends the sleep, wait() looks at the sequences again.
  (void)os::futex_wait_any(words.first(behind), deadline);
}

} // namespace ringfleet::ring
