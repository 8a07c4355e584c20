#pragma once

// Which of many producers lends from which arena of their ring. An arena has one writer at a time, and that one alone
// keeps the books of it, in its own memory. So it is held under the identity of a process, and is taken from nobody, or
// from a process that is dead for sure. What the last holder had lent may still be read: whoever takes the arena goes
// on behind it (frame::LoanArena::resume).

#include "ringfleet/base/atomics.hpp"
#include "ringfleet/ring/shared_owners.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace ringfleet::ring {

// The number of an arena for `identity`, from 1 on: a free one, else one of the dead. Empty when all are held by the
// living. Never blocks. Take it before the claim that ends the last holder's time is looked for, and leave with
// release_arena.
template <class A = Atomics, ProofOfDeath IsDead>
[[nodiscard]] std::optional<std::uint32_t> take_arena(std::span<std::uint64_t> lenders, std::uint64_t identity,
                                                      IsDead&& is_dead) {
  for (const bool from_the_dead : {false, true}) {
    for (std::size_t i = 0; i < lenders.size(); ++i) {
      auto holder = A::load_acquire(lenders[i]);
      if (from_the_dead ? holder == 0 || !is_dead(holder) : holder != 0) {
        continue;
      }
      // SYNC shared.lender: exchange, acquire; pairs with the release in release_arena. Receives: what the last holder
      // had lent. It fails when somebody else took it.
      if (A::compare_exchange(lenders[i], holder, identity)) {
        A::step("shared.arena_taken");
        return static_cast<std::uint32_t>(i + 1);
      }
    }
  }
  return std::nullopt;
}

// The holder, which lends no more from it. What it has published stays readable.
template <class A = Atomics>
void release_arena(std::span<std::uint64_t> lenders, std::uint32_t number) noexcept {
  // SYNC shared.lender: release; pairs with the exchange in take_arena. Publishes: what was lent.
  A::store_release(lenders[number - 1], std::uint64_t{0});
}

} // namespace ringfleet::ring
