#pragma once

// Owner numbers of a ring with many producers: each producer holds one, under the identity of its process, and a claim
// is known by it. A number is taken from nobody, or from a process that is dead for sure, and is used only after its
// new holder has finished what the previous one had left.

#include "ringfleet/base/atomics.hpp"
#include "ringfleet/os/process.hpp"
#include "ringfleet/ring/shared_claims.hpp"

#include <concepts>
#include <cstdint>
#include <optional>

namespace ringfleet::ring {

// Never 0. A pid has at most 22 bits on Linux; 42 bits of clock ticks are a thousand years of uptime.
[[nodiscard]] constexpr std::uint64_t owner_identity(const os::ProcessIdentity& process) noexcept {
  return process.start_time_ticks << 22 | static_cast<std::uint32_t>(process.pid);
}
[[nodiscard]] constexpr os::ProcessIdentity process_of(std::uint64_t owner_identity) noexcept {
  return {.pid = static_cast<std::int32_t>(low_bits(owner_identity, 22)), .start_time_ticks = owner_identity >> 22};
}

// is_dead(identity): is that process dead for sure? A timeout is no proof.
template <class F>
concept ProofOfDeath = std::predicate<F&, std::uint64_t>;

// Takes this number from `holder` (0: nobody), who is dead for sure, and finishes what it has left. False when somebody
// else took it.
template <class A = Atomics>
[[nodiscard]] bool take_owner_from(const SharedRingLines& lines, std::uint32_t owner, std::uint64_t holder,
                                   std::uint64_t identity) noexcept {
  // SYNC shared.owner: exchange, release; pairs with the acquire in repair. Forbids: that the new holder's claims are
  // taken for the old one's.
  if (!A::compare_exchange(lines.owners->identity[owner], holder, identity)) {
    return false;
  }
  A::step("shared.owner_taken");
  auto used = A::load_acquire(lines.shared->owners_used);
  while (used <= owner && !A::compare_exchange(lines.shared->owners_used, used, owner + 1)) {
  }
  // Before the first claim: who sees that in the tail sees this, too.
  A::fetch_add(lines.shared->owner_joins, std::uint64_t{1});
  repair<A>(lines, owner, identity);
  return true;
}

// A number for `identity`. Empty when all are held by the living. Never blocks. Leave with release_owner.
template <class A = Atomics, ProofOfDeath IsDead>
[[nodiscard]] std::optional<std::uint32_t> take_owner(const SharedRingLines& lines, std::uint64_t identity,
                                                      IsDead&& is_dead) {
  for (const bool from_the_dead : {false, true}) {
    for (std::uint32_t owner = 1; owner < owners_max; ++owner) {
      const auto holder = A::load_acquire(lines.owners->identity[owner]);
      if (from_the_dead ? holder == 0 || !is_dead(holder) : holder != 0) {
        continue;
      }
      if (take_owner_from<A>(lines, owner, holder, identity)) {
        return owner;
      }
    }
  }
  return std::nullopt;
}

// The holder, with no claim left unfinished; or whoever has repaired a dead one.
template <class A = Atomics>
void release_owner(const SharedRingLines& lines, std::uint32_t owner, std::uint64_t identity) noexcept {
  // SYNC shared.owner: exchange, release; pairs with the acquire in repair. Fails when the number was taken over.
  (void)A::compare_exchange(lines.owners->identity[owner], identity, std::uint64_t{0});
}

// Finishes what all dead owners have left, and frees their numbers. Any producer, any time; then ring the bell if
// anything was aborted: the answer says how many claims.
template <class A = Atomics, ProofOfDeath IsDead>
std::uint64_t repair_dead(const SharedRingLines& lines, IsDead&& is_dead) {
  std::uint64_t aborted = 0;
  const auto used = A::load_acquire(lines.shared->owners_used);
  for (std::uint32_t owner = 1; owner < used && owner < owners_max; ++owner) {
    const auto holder = A::load_acquire(lines.owners->identity[owner]);
    if (holder != 0 && is_dead(holder)) {
      aborted += repair<A>(lines, owner, holder);
      release_owner<A>(lines, owner, holder);
    }
  }
  return aborted;
}

} // namespace ringfleet::ring
