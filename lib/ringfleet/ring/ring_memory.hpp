#pragma once

// Where the parts of a ring lie. They may lie in one memory or in several: what the producer writes, what the readers
// write, and the slots, which the producer writes.

#include "ringfleet/ring/bell.hpp"
#include "ringfleet/ring/ring_layout.hpp"

#include <cstdint>
#include <span>

namespace ringfleet::ring {

// All but the slots: what sequencers work on.
struct RingLines {
  ProducerLines* producer = nullptr;
  std::span<std::uint64_t> evicted; // the producer's; a mark for each reader line
  Sequence* joins = nullptr;        // written by every newcomer
  std::span<ReaderLines> readers;   // at most reader_lines_max
  std::uint64_t capacity = 0;       // a power of two
};

template <class T>
struct RingMemory {
  ProducerLines& producer;
  std::span<std::uint64_t> evicted; // as many as readers
  Sequence& joins;
  std::span<ReaderLines> readers;
  std::span<T> slots; // a power of two

  [[nodiscard]] RingLines lines() const noexcept { return {&producer, evicted, &joins, readers, slots.size()}; }
};

// Before anybody attaches: an empty ring that begins at `first_position`, without readers.
void format_ring(const RingLines& lines, std::uint64_t first_position = 0) noexcept;
template <class T>
void format_ring(const RingMemory<T>& memory, std::uint64_t first_position = 0) noexcept {
  format_ring(memory.lines(), first_position);
}

// For whoever has proof that the reader of this line is dead; one thread at a time, in the producer's process. Nobody
// waits for the line any more, and it may be taken again. Returns where its reader was (or `no_reader`,
// `lossy_reader`).
template <class A = Atomics>
std::uint64_t vacate(ReaderLines& dead, bool shared = true) noexcept {
  const auto position = dead.gate.observe<A>();
  A::store_release(dead.began, std::uint64_t{0});
  dead.gate.publish<A>(no_reader);
  ring_bell<A>(dead.bell, shared);
  return position;
}

} // namespace ringfleet::ring
