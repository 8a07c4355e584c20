#pragma once

// The obituary word: a word of this process that changes whenever some peer has died. Whoever parks on a peer's word
// parks on this one as well. Without it there is a gap: look whether the peer lives, the peer dies and everybody asleep
// is woken, go to sleep for ever.
//
// The order for the sleeper: seen = value(); look whether the peer is dead; park on {peer's word, park_word(seen)}.
// After waking it reads the peer's word first: what a peer published before its death counts.

#include "ringfleet/base/atomics.hpp"
#include "ringfleet/base/cache_line.hpp"
#include "ringfleet/os/host.hpp"

#include <cstdint>

namespace ringfleet::memory {

class Obituary {
public:
  Obituary() noexcept = default;
  Obituary(const Obituary&) = delete;
  Obituary& operator=(const Obituary&) = delete;

  // Any thread; never blocks. Read it before looking whether a peer is dead.
  template <class A = Atomics>
  [[nodiscard]] std::uint32_t value() const noexcept {
    // SYNC obituary: acquire; pairs with the release in Obituary::announce. Receives: whatever marks the peer as dead.
    return A::load_acquire(word_);
  }

  // Any thread, after the death is visible to whoever looks (a flag, a closed lane). Wakes everybody parked here.
  template <class A = Atomics>
  void announce() noexcept {
    // SYNC obituary: release; pairs with the acquire in Obituary::value. Publishes: whatever marks the peer as dead.
    A::fetch_add(word_, 1U);
    os::Host<A>::wake(word_);
  }

  // For os::futex_wait_any. Valid as long as this object.
  [[nodiscard]] os::FutexWord park_word(std::uint32_t seen) const noexcept { return {&word_, seen, true}; }

private:
  alignas(cache_line_bytes) std::uint32_t word_ = 0;
};

} // namespace ringfleet::memory
