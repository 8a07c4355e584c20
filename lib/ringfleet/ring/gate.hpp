#pragma once

// Gates: how far each reliable reader has come, which is how far the producer may write. A reader owns one line; the
// producer looks at all of them, and only when the limit it knows is used up.

#include "ringfleet/base/atomics.hpp"
#include "ringfleet/ring/ring_layout.hpp"

#include <algorithm>
#include <cstdint>

namespace ringfleet::ring {

[[nodiscard]] constexpr bool is_gating(std::uint64_t gate) noexcept {
  return gate != no_reader && gate != lossy_reader;
}

// Does the producer still wait for whoever has taken this line? `mark` is the line's in the producer's memory.
template <class A = Atomics>
[[nodiscard]] bool is_evicted(const std::uint64_t& mark, const ReaderLines& line) noexcept {
  const auto evicted = A::load_acquire(mark);
  return evicted != 0 && evicted == A::load_acquire(line.incarnation);
}

// The slowest of some gates. Each is compared with where the writer is and not with another gate, because positions
// more than 2^63 apart have no order: a line that says anything may hold the writer back, but hides no other reader's
// gate.
class SlowestGate {
public:
  // `reached`: what lies beyond it nobody has read. A gate more than two rings behind it holds back everything anyway.
  SlowestGate(std::uint64_t reached, std::uint64_t capacity) noexcept : reached_(reached), behind_max_(2 * capacity) {}

  [[nodiscard]] bool is_slower(std::uint64_t gate) const noexcept { return behind(gate) > behind_; }
  void add(std::uint64_t gate) noexcept { behind_ = std::max(behind_, behind(gate)); }
  [[nodiscard]] std::uint64_t position() const noexcept { return reached_ - behind_; }

private:
  [[nodiscard]] std::uint64_t behind(std::uint64_t gate) const noexcept {
    return is_before(gate, reached_) ? std::min(reached_ - gate, behind_max_) : 0;
  }

  std::uint64_t reached_;
  std::uint64_t behind_max_;
  std::uint64_t behind_ = 0;
};

// A reader's own line. One thread at a time.
template <class A = Atomics>
class Gate {
public:
  Gate() noexcept = default;

  // Takes the line, unless somebody holds it, and shows `position` (or `lossy_reader`) there. Never blocks. What has to
  // follow is in reader_sequencer.hpp.
  [[nodiscard]] bool take(ReaderLines& line, std::uint64_t position) noexcept {
    auto expected = no_reader;
    if (!A::compare_exchange(line.gate.value, expected, position)) {
      return false;
    }
    line_ = &line;
    // Nobody else writes it: the line is ours.
    incarnation_ = A::load_relaxed(line.incarnation) + 1;
    A::store_release(line.incarnation, incarnation_);
    position_ = position;
    return true;
  }
  // Everything below `position` may be overwritten from here on.
  void advance(std::uint64_t position) noexcept {
    position_ = position;
    line_->gate.template publish<A>(position);
  }
  // The reader is in: from here on it can be told where it begins, and what was gone already.
  void begun() noexcept {
    // SYNC ring.began: release; pairs with the acquire in MemberProtocol::has_moved. Publishes: the gate.
    A::store_release(line_->began, position_ + 1);
  }
  // The producer is not held back by this line any more, and somebody else may take it.
  void leave() noexcept {
    // SYNC ring.began: release; as in begun(). Before the gate: whoever takes the line next has not begun.
    A::store_release(line_->began, std::uint64_t{0});
    line_->gate.template publish<A>(no_reader);
  }

  [[nodiscard]] std::uint64_t position() const noexcept { return position_; }
  [[nodiscard]] std::uint64_t incarnation() const noexcept { return incarnation_; }
  [[nodiscard]] ReaderLines& line() const noexcept { return *line_; }

private:
  ReaderLines* line_ = nullptr;
  std::uint64_t position_ = 0;
  std::uint64_t incarnation_ = 0;
};

} // namespace ringfleet::ring
