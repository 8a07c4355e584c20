#pragma once

// Where the parts of a ring with many producers lie, and how it begins. The ring segment (lines, owners, descriptors,
// eviction marks, slots) is written by every producer, the member table (joins, reader lines) by the readers.

#include "ringfleet/os/host.hpp"
#include "ringfleet/ring/shared_claims.hpp"

#include <cstdint>
#include <span>

namespace ringfleet::ring {

template <class T>
struct SharedRingMemory {
  SharedLines& shared;
  OwnerTable& owners;
  std::span<std::uint64_t> descriptors; // as many as slots
  std::span<std::uint64_t> evicted;     // as many as readers
  Sequence& joins;
  std::span<ReaderLines> readers;
  std::span<T> slots; // a power of two

  [[nodiscard]] SharedRingLines lines() const noexcept {
    return {&shared, &owners, descriptors, evicted, &joins, readers};
  }
};

// Before anybody attaches: an empty ring that begins at `first_position`, without readers and without producers.
void format_ring(const SharedRingLines& lines, std::uint64_t first_position = 0) noexcept;
template <class T>
void format_ring(const SharedRingMemory<T>& memory, std::uint64_t first_position = 0) noexcept {
  format_ring(memory.lines(), first_position);
}

// The bell of a ring with many producers, which all of them ring. One system call. Any thread of any producer.
template <class A = Atomics>
void ring_shared_bell(SharedLines& lines, bool shared) noexcept {
  // SYNC ring.bell: release; pairs with the acquire in BellList::add. Publishes: whatever the sleeper is to look at.
  A::fetch_add(lines.bell, 1U);
  os::Host<A>::wake(lines.bell, shared);
}

} // namespace ringfleet::ring
