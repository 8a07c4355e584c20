#pragma once

// The obituary word: a word of this process that changes whenever some peer has died. Whoever parks on a peer's word
// parks on this one as well. Without it there is a gap: look whether the peer lives, the peer dies and everybody asleep
// is woken, go to sleep for ever.
//
// The order for the sleeper: seen = value(); look whether the peer is dead; park on {peer's word, park_word(seen)}.
// After waking it reads the peer's word first: what a peer published before its death counts.

#include "ringfleet/base/cache_line.hpp"
#include "ringfleet/os/futex.hpp"

#include <cstdint>

namespace ringfleet::memory {

class Obituary {
public:
  Obituary() noexcept = default;
  Obituary(const Obituary&) = delete;
  Obituary& operator=(const Obituary&) = delete;

  // Any thread; never blocks. Read it before looking whether a peer is dead.
  [[nodiscard]] std::uint32_t value() const noexcept;

  // Any thread, after the death is visible to whoever looks (a flag, a closed lane). Wakes everybody parked here.
  void announce() noexcept;

  // For os::futex_wait_any. Valid as long as this object.
  [[nodiscard]] os::FutexWord park_word(std::uint32_t seen) const noexcept { return {&word_, seen, true}; }
  // The same word, for protocol code that reads it through its own atomics policy.
  [[nodiscard]] const std::uint32_t& word() const noexcept { return word_; }

private:
  alignas(cache_line_bytes) std::uint32_t word_ = 0;
};

} // namespace ringfleet::memory
