#pragma once

// Gates: how far each reliable reader has come, which is how far the producer may write. A reader owns one line; the
// producer looks at all of them, and only when the limit it knows is used up.
//
// Joining at latest. The newcomer must not be overtaken by a producer that has not seen its gate:
//
//   newcomer                              producer, when its limit is used up
//     gate := cursor                        (cursor is published)
//     barrier                               barrier
//     begin := cursor, gate := begin        limit := min(cursor, all gates) + capacity
//
// Either the producer sees the gate, or the newcomer sees every position that the producer had published when it
// looked; then the limit is at most `begin` + capacity, and the next look sees the gate. An attached ring
// without a reader is limited by its own cursor, so the same holds for the first one.

#include "ringfleet/base/atomics.hpp"
#include "ringfleet/ring/ring_layout.hpp"

#include <cstdint>
#include <optional>
#include <span>

namespace ringfleet::ring {

// A reader's own line. One thread at a time.
template <class A = Atomics>
class Gate {
public:
  // `line` must hold `no_reader` or be claimed by nobody else; it must outlive this object.
  explicit Gate(ReaderLines& line) noexcept : line_(line) {}

  // Takes the line and returns the position to begin at: nothing published before is read, everything after is. Empty
  // when somebody holds the line. Never blocks.
  [[nodiscard]] std::optional<std::uint64_t> join_latest(const Sequence& cursor) noexcept {
    auto expected = no_reader;
    first_shown_ = cursor.observe<A>();
    // SYNC ring.join: exchange, then barrier; pairs with the barrier in minimum_gate.
    if (!A::compare_exchange(line_.gate.value, expected, first_shown_)) {
      return std::nullopt;
    }
    A::step("ring.joined");
    A::store_load_barrier();
    position_ = cursor.observe<A>();
    line_.gate.publish<A>(position_);
    return position_;
  }
  // The gate that a producer may have seen, and wait for, before the newcomer was in.
  [[nodiscard]] std::uint64_t first_shown() const noexcept { return first_shown_; }

  // Everything below `position` may be overwritten from here on.
  void advance(std::uint64_t position) noexcept {
    position_ = position;
    line_.gate.publish<A>(position);
  }
  // The producer is not held back by this line any more.
  void leave() noexcept { line_.gate.publish<A>(no_reader); }

  [[nodiscard]] std::uint64_t position() const noexcept { return position_; }
  [[nodiscard]] ReaderLines& line() const noexcept { return line_; }

private:
  ReaderLines& line_;
  std::uint64_t position_ = 0;
  std::uint64_t first_shown_ = 0;
};

// Producer only: the least of its own published cursor and all gates.
template <class A = Atomics>
[[nodiscard]] std::uint64_t minimum_gate(std::span<const ReaderLines> readers, std::uint64_t cursor) noexcept {
  // SYNC ring.join: barrier, then loads; pairs with the exchange and the barrier in Gate::join_latest.
  A::store_load_barrier();
  A::step("ring.looking_at_gates");
  auto least = cursor;
  for (const auto& reader : readers) {
    const auto gate = reader.gate.template observe<A>();
    if (gate != no_reader && is_before(gate, least)) {
      least = gate;
    }
  }
  return least;
}

} // namespace ringfleet::ring
