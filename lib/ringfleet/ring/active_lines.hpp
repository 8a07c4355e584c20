#pragma once

// The reader lines that are taken, as somebody remembers them who looks at them often: of 126 lines two may be in use.
// The list is made anew when the count of joins has changed; lines that were left stay in it until then.

#include "ringfleet/base/atomics.hpp"
#include "ringfleet/ring/ring_layout.hpp"

#include <array>
#include <cstdint>
#include <span>

namespace ringfleet::ring {

template <class A = Atomics>
class ActiveLines {
public:
  // Did anybody join since the last refresh()? One load of a line that hardly ever changes.
  [[nodiscard]] bool is_stale(const Sequence& joins) const noexcept { return joins.observe<A>() != joins_seen_; }

  // `is_wanted(i)`: does line i, which is taken, belong into the list?
  template <class Wanted>
  void refresh(const Sequence& joins, std::span<const ReaderLines> readers, Wanted&& is_wanted) noexcept {
    // SYNC ring.joins: acquire; pairs with the release in ReaderSequencer::enter. Receives: the line that was taken.
    joins_seen_ = joins.observe<A>();
    count_ = 0;
    for (std::size_t i = 0; i < readers.size(); ++i) {
      if (readers[i].gate.template observe<A>() != no_reader && is_wanted(i)) {
        lines_[count_++] = static_cast<std::uint8_t>(i);
      }
    }
  }

  [[nodiscard]] std::span<const std::uint8_t> lines() const noexcept { return std::span(lines_).first(count_); }
  [[nodiscard]] std::uint64_t joins_seen() const noexcept { return joins_seen_; }

private:
  std::uint64_t joins_seen_ = 0;
  std::size_t count_ = 0;
  std::array<std::uint8_t, reader_lines_max> lines_;
};

} // namespace ringfleet::ring
