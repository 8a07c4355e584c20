#pragma once

// "I changed it; is anyone asleep?", without a lost wake and without a system call when nobody is.
//
//   waiter                                    publisher
//     flag := sequence it waits for             publish (release store)
//     barrier                                   barrier        (once a batch)
//     look again; there? do not sleep           flag inside what was just published? wake
//     sleep until the published word changes
//
// Without both barriers each side may read the old value of the other's word (the stores wait in the two store
// buffers), and the waiter sleeps for ever. The flag lies in the waiter's own memory, in the publisher's sight, and is
// never cleared: what it names lies behind the publisher as soon as it has been published, so a waiter that is stopped
// costs one wake and then nothing.
//
// A sleep must also end when the peer dies: wait on {the published word, the obituary} and, once awake, look at the
// published word first.

#include "ringfleet/base/atomics.hpp"
#include "ringfleet/ring/sequence.hpp"

#include <cstdint>

namespace ringfleet::ring {

// Waiter. `flag` has one writer at a time. Afterwards look at the published word once more; only then sleep.
template <class A = Atomics>
void announce_wait(std::uint64_t& flag, std::uint64_t sequence) noexcept {
  // SYNC ring.parking: store, then barrier; pairs with the barrier in is_awaited. Forbids: the look that follows is
  // made before the publisher can see the flag, while the publisher looks at the flag before its publish can be seen.
  A::store_release(flag, sequence);
  A::step("parking.announced");
  A::store_load_barrier();
}

// The same when several threads of the waiting process share the flag and may wait for different laps of it: the flag
// only ever moves forward, so a thread that was stopped here cannot hide a newer wait. Case list:
// 1. the flag is 0: nobody has ever waited here; exchange.
// 2. the flag is at or past `sequence`: somebody waits for the same, or for something later; if it is later, `sequence`
//    has been published already, and the look that follows sees it.
// 3. the flag is behind: exchange. It fails when somebody moved the flag: decide again. Each round the flag has moved
//    forward, so the loop is bounded by the number of threads.
template <class A = Atomics>
void announce_shared_wait(std::uint64_t& flag, std::uint64_t sequence) noexcept {
  auto current = A::load_acquire(flag);
  while ((current == 0 || is_before(current, sequence)) && !A::compare_exchange(flag, current, sequence)) {
  }
  A::step("parking.announced");
  A::store_load_barrier();
}

// The second half of is_awaited: for a publisher with several flags to look at behind one barrier.
template <class A = Atomics>
[[nodiscard]] bool is_awaited_behind_barrier(const std::uint64_t& flag, std::uint64_t before,
                                             std::uint64_t after) noexcept {
  const auto sequence = A::load_relaxed(flag);
  return sequence - before - 1 < after - before;
}

// Publisher, after publishing everything in (before, after]: does the waiter behind `flag` wait for any of it? Call it
// once for a batch; `true` means wake now, and is answered at most once per announced wait.
template <class A = Atomics>
[[nodiscard]] bool is_awaited(const std::uint64_t& flag, std::uint64_t before, std::uint64_t after) noexcept {
  A::step("parking.published");
  // SYNC ring.parking: barrier, then load; pairs with the barrier in announce_wait.
  A::store_load_barrier();
  return is_awaited_behind_barrier<A>(flag, before, after);
}

// The low half of a 64-bit word: what a futex compares. Little-endian only.
[[nodiscard]] inline const std::uint32_t& futex_half(const std::uint64_t& word) noexcept {
  return reinterpret_cast<const std::uint32_t&>(word);
}

} // namespace ringfleet::ring
