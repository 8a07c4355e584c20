#pragma once

// The readers that a reader follows: it sees an element when they have released it. An absent one (not joined yet,
// gone, dead, evicted) holds nothing back; whoever joins ahead of a follower that runs already is followed from its
// first element on. The same for rings with one producer and with many.

#include "ringfleet/base/assert.hpp"
#include "ringfleet/base/atomics.hpp"
#include "ringfleet/ring/gate.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace ringfleet::ring {

template <class A = Atomics>
class Followed {
public:
  Followed() noexcept = default;
  // `own`: the line of the reader that follows, of `count`.
  Followed(std::span<const std::uint32_t> lines, std::size_t own, std::size_t count) noexcept {
    for (const auto line : lines) {
      RINGFLEET_ASSERT(line < count && line != own, "a reader follows another line of the ring");
      bits_[line / 64] |= std::uint64_t{1} << (line % 64);
    }
  }

  [[nodiscard]] bool is_nobody() const noexcept { return (bits_[0] | bits_[1]) == 0; }
  // `visit(line)` for each of them.
  template <class Visit>
  void for_each(Visit&& visit) const noexcept {
    for (std::size_t word = 0; word < 2; ++word) {
      for (auto bits = bits_[word]; bits != 0; bits &= bits - 1) {
        visit(64 * word + static_cast<std::size_t>(std::countr_zero(bits)));
      }
    }
  }

  // Before the reader counts its join: whom it follows, for those who are to wake it.
  void show(ReaderLines& own) const noexcept {
    A::store_relaxed(own.follows[0], bits_[0]);
    A::store_relaxed(own.follows[1], bits_[1]);
  }
  // Does the reader of line `own` follow that of `line`, as far as it says?
  [[nodiscard]] static bool is_shown(const ReaderLines& own, std::size_t line) noexcept {
    return (A::load_relaxed(own.follows[line / 64]) >> (line % 64) & 1) != 0;
  }

  // How far all of them have released, at most `seen`: where what is published ends, read before.
  [[nodiscard]] std::uint64_t least(std::span<const ReaderLines> readers, std::span<const std::uint64_t> evicted,
                                    std::uint64_t seen) const noexcept {
    auto least = seen;
    bool is_absent = false;
    auto look_at = [&](std::size_t line) {
      const auto gate = readers[line].gate.template observe<A>();
      if (!is_gating(gate) || is_evicted<A>(evicted[line], readers[line])) {
        is_absent = true;
      } else if (is_before(gate, least)) {
        least = gate;
      }
    };
    for_each(look_at);
    if (is_absent) {
      // SYNC ring.join: barrier between what is published and the gates; pairs with the barrier in
      // ReaderSequencer::enter and SharedReaderSequencer::enter. Forbids: passing an element that somebody who is just
      // joining will read.
      A::store_load_barrier();
      for_each(look_at);
    }
    return least;
  }

private:
  std::uint64_t bits_[2] = {};
};

} // namespace ringfleet::ring
