#include "ringfleet/ring/barrier.hpp"

namespace ringfleet::ring {

void Barrier::add_own_words(BellList& bells, std::uint32_t obituary_seen) const noexcept {
  bells.add(stop_->park_word());
  if (options_.obituary != nullptr) {
    bells.add(options_.obituary->park_word(obituary_seen));
  }
}

} // namespace ringfleet::ring
