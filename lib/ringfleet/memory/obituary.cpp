#include "ringfleet/memory/obituary.hpp"

#include "ringfleet/base/atomics.hpp"

namespace ringfleet::memory {

std::uint32_t Obituary::value() const noexcept {
  // SYNC obituary: acquire; pairs with the release in Obituary::announce. Receives: whatever marks the peer as dead.
  return Atomics::load_acquire(word_);
}

void Obituary::announce() noexcept {
  // SYNC obituary: release; pairs with the acquire in Obituary::value. Publishes: whatever marks the peer as dead.
  Atomics::fetch_add(word_, 1U);
  os::futex_wake(word_, os::wake_all);
}

} // namespace ringfleet::memory
