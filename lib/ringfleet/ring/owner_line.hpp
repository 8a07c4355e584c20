#pragma once

// The owner line of a ring: who produces, in which generation. Written by the owner alone, which holds the ring's lock;
// read by anybody, who gets a consistent copy or none.

#include "ringfleet/base/atomics.hpp"
#include "ringfleet/os/process.hpp"
#include "ringfleet/ring/ring_space_layout.hpp"

#include <array>
#include <cstdint>
#include <optional>

namespace ringfleet::ring {

struct Owner {
  OwnerState state = OwnerState::absent;
  std::uint64_t generation = 0;
  os::ProcessIdentity process = {}; // the latest owner, also when it is gone
  std::uint64_t pid_namespace = 0;
  std::array<std::uint64_t, 2> boot_id = {};

  friend bool operator==(const Owner&, const Owner&) = default;
};

[[nodiscard]] constexpr std::uint64_t owner_word(std::uint64_t generation, OwnerState state) noexcept {
  return generation << owner_state_bits | static_cast<std::uint32_t>(state);
}
[[nodiscard]] constexpr OwnerState state_of_word(std::uint64_t word) noexcept {
  return static_cast<OwnerState>(word & ((1U << owner_state_bits) - 1));
}

// Owner only. Readers see `absent` until the end, then everything at once.
template <class A = Atomics>
void write_owner(OwnerLine& line, const Owner& owner) noexcept {
  const auto before = A::load_relaxed(line.word) >> owner_state_bits; // nobody else writes it: the lock is ours
  A::store_release(line.word, owner_word(before, OwnerState::absent));
  A::step("owner.absent");
  // Each is a release, so that whoever sees one of them sees the word before it as well.
  // SYNC owner.fields: release; pairs with the acquire in read_owner.
  A::store_release(line.start_ticks, owner.process.start_time_ticks);
  A::store_release(line.pid_namespace, owner.pid_namespace);
  A::store_release(line.boot_id[0], owner.boot_id[0]);
  A::store_release(line.boot_id[1], owner.boot_id[1]);
  A::store_release(line.pid, static_cast<std::uint32_t>(owner.process.pid));
  A::step("owner.filled");
  // SYNC owner.word: release; pairs with the acquire in read_owner. Publishes: the line, and the ring as its owner
  // found and repaired it.
  A::store_release(line.word, owner_word(owner.generation, owner.state));
}

// Owner only: nobody owns it any more (`absent`), or ever will (`replaced`).
template <class A = Atomics>
void end_ownership(OwnerLine& line, OwnerState state) noexcept {
  A::store_release(line.word, owner_word(A::load_relaxed(line.word) >> owner_state_bits, state));
}

// Anybody. Empty when the line changed meanwhile: look again.
template <class A = Atomics>
[[nodiscard]] std::optional<Owner> read_owner(const OwnerLine& line) noexcept {
  // SYNC owner.word: acquire; pairs with the release in write_owner.
  const auto word = A::load_acquire(line.word);
  Owner owner;
  owner.state = state_of_word(word);
  owner.generation = word >> owner_state_bits;
  // SYNC owner.fields: acquire; pairs with the release in write_owner. Receives: that the word has changed.
  owner.process.start_time_ticks = A::load_acquire(line.start_ticks);
  owner.pid_namespace = A::load_acquire(line.pid_namespace);
  owner.boot_id = {A::load_acquire(line.boot_id[0]), A::load_acquire(line.boot_id[1])};
  owner.process.pid = static_cast<std::int32_t>(A::load_acquire(line.pid));
  if (A::load_acquire(line.word) != word) {
    return std::nullopt;
  }
  return owner;
}

} // namespace ringfleet::ring
