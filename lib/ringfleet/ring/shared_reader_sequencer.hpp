#pragma once

// The positions of a reliable reader of a ring with many producers. It walks the descriptors: committed claims are
// seen, aborted ones skipped, and at the first one that is neither it stops. It writes nothing but its own line.
//
// A claim is released as a whole: the gate stays at its beginning until all of it is released. So every gate lies on
// the border of two claims, where a walk can begin, and never beyond an unfinished one.

#include "ringfleet/ring/active_lines.hpp"
#include "ringfleet/ring/gate.hpp"
#include "ringfleet/ring/parking.hpp"
#include "ringfleet/ring/reader_sequencer.hpp"
#include "ringfleet/ring/shared_claims.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>

namespace ringfleet::ring {

// One thread at a time. The lines must outlive it.
template <class A = Atomics>
class SharedReaderSequencer {
public:
  // Takes the line. Never blocks. Empty when somebody holds it, or when the position lies in the future. `latest`: from
  // the first claim on that is not finished; what is committed from now on is never missed. `sequence`: from the claim
  // on that holds the position, or from an earlier one that is not finished.
  [[nodiscard]] static std::optional<SharedReaderSequencer> join(const SharedRingLines& lines, std::size_t line,
                                                                 const JoinOptions& options = {}) noexcept {
    SharedReaderSequencer reader(lines, line);
    if (!reader.enter(options)) {
      return std::nullopt;
    }
    return reader;
  }

  // How many elements can be read now, from position() on; when the last answer is used up, one load for each claim.
  // Skips what was aborted: then position() has moved.
  [[nodiscard]] std::uint64_t available() noexcept {
    if (seen_ == position_) {
      walk();
    }
    return seen_within_ring();
  }
  // The same, looking anew.
  [[nodiscard]] std::uint64_t available_now() noexcept {
    walk();
    return seen_within_ring();
  }

  // The first `count` available elements may be overwritten, as soon as their whole claim is released. `ok` or
  // `evicted`.
  [[nodiscard]] ReadResult release(std::uint64_t count) noexcept {
    if (is_evicted()) [[unlikely]] {
      return ReadResult::evicted;
    }
    position_ += count;
    const auto border = position_ == seen_ ? seen_ : border_before(position_);
    if (border != gate_.position()) {
      gate_.advance(border);
    }
    return ReadResult::ok;
  }
  void leave() noexcept { gate_.leave(); }

  [[nodiscard]] bool is_evicted() const noexcept {
    // SYNC ring.evict: acquire barrier between the elements and the mark; pairs with the release and the barrier in
    // SharedSequencer::evict.
    A::load_barrier();
    return A::load_relaxed(*mark_) == gate_.incarnation();
  }
  [[nodiscard]] bool is_closed() const noexcept {
    // SYNC ring.closed: acquire; pairs with the release in SharedSequencer::close.
    return A::load_acquire(lines_.shared->closed) != 0;
  }

  // After gate() went from `before` to `after`: does a producer wait for that?
  [[nodiscard]] bool is_awaited(std::uint64_t before, std::uint64_t after) const noexcept {
    A::step("parking.published");
    // SYNC ring.parking: barrier, then loads; pairs with the barrier in announce_wait.
    A::store_load_barrier();
    const auto used = A::load_acquire(lines_.shared->owners_used);
    for (std::uint32_t owner = 1; owner < used && owner < owners_max; ++owner) {
      if (is_awaited_behind_barrier<A>(lines_.owners->awaited_gate[owner], before, after)) {
        return true;
      }
    }
    return false;
  }

  [[nodiscard]] std::uint64_t position() const noexcept { return position_; }
  // Where the walk stands: nothing at or beyond it can be read as yet.
  [[nodiscard]] std::uint64_t seen() const noexcept { return seen_; }
  // What can be read ends at an aborted claim; it is skipped when all before it is released.
  [[nodiscard]] bool is_before_aborted() const noexcept { return look_at<A>(lines_, seen_).fate == Fate::aborted; }
  [[nodiscard]] std::uint64_t gate() const noexcept { return gate_.position(); }
  // The gate that others may have seen, and wait for, before this reader was in.
  [[nodiscard]] std::uint64_t first_shown() const noexcept { return first_shown_; }
  // How many elements from the asked-for position on were gone already (JoinFrom::sequence).
  [[nodiscard]] std::uint64_t missed() const noexcept { return missed_; }
  [[nodiscard]] std::uint64_t incarnation() const noexcept { return gate_.incarnation(); }
  [[nodiscard]] std::size_t line() const noexcept { return line_; }
  [[nodiscard]] ReaderLines& own() const noexcept { return gate_.line(); }
  [[nodiscard]] const SharedRingLines& lines() const noexcept { return lines_; }

private:
  // A claim that nobody of us made may reach further than the ring.
  [[nodiscard]] std::uint64_t seen_within_ring() const noexcept {
    return std::min(seen_ - position_, lines_.capacity());
  }

  SharedReaderSequencer(const SharedRingLines& lines, std::size_t line) noexcept
      : mark_(&lines.evicted[line]), lines_(lines), line_(line) {}

  [[nodiscard]] bool enter(const JoinOptions& options) noexcept {
    if (options.from == JoinFrom::sequence && is_before(latest_claim<A>(lines_).end(), options.position)) {
      return false;
    }
    first_shown_ = A::load_acquire(lines_.shared->limit) - lines_.capacity();
    if (!gate_.take(lines_.readers[line_], first_shown_)) {
      return false;
    }
    A::store_relaxed(own().follows[0], std::uint64_t{0});
    A::store_relaxed(own().follows[1], std::uint64_t{0});
    A::step("ring.gate_shown");
    // SYNC ring.joins: release; pairs with the acquire in ActiveLines::refresh. Publishes: the line.
    A::fetch_add(lines_.joins->value, std::uint64_t{1});
    A::step("ring.joined");
    // SYNC ring.join: barrier between the gate and the limit; pairs with the barrier in SharedSequencer::extend.
    A::store_load_barrier();
    // Nothing from here on is overwritten before this reader has released it.
    const auto oldest = oldest_claim<A>(lines_);
    auto begin = oldest;
    if (options.from == JoinFrom::latest) {
      const auto unfinished = first_unfinished<A>(lines_);
      begin = is_before(unfinished, oldest) ? oldest : unfinished;
    } else if (options.from == JoinFrom::sequence) {
      missed_ = is_before(options.position, oldest) ? oldest - options.position : 0;
      begin = claim_holding<A>(lines_, options.position, oldest);
    }
    A::step("shared.begin_found");
    if (begin != first_shown_) {
      gate_.advance(begin);
    }
    gate_.begun();
    position_ = seen_ = begin;
    return true;
  }

  // From the gate on to the last border of two claims that is not behind `position`.
  [[nodiscard]] std::uint64_t border_before(std::uint64_t position) const noexcept {
    auto border = gate_.position();
    for (;;) {
      const auto claim = look_at<A>(lines_, border);
      if (claim.fate == Fate::none || is_before(position, claim.end())) {
        return border;
      }
      border = claim.end();
    }
  }

  void walk() noexcept {
    for (;;) {
      const auto end = position_ + lines_.capacity();
      auto seen = seen_;
      // SYNC shared.descriptor: acquire; pairs with the release in SharedSequencer::commit. Receives: the slots.
      while (is_before(seen, end) && is_single_committed(A::load_acquire(lines_.descriptor(seen)), lines_.lap(seen))) {
        ++seen;
      }
      seen_ = seen;
      if (!is_before(seen, end) || !walk_claim()) {
        return;
      }
    }
  }
  // Of any length and fate. False: the walk ends here.
  [[nodiscard]] bool walk_claim() noexcept {
    const auto claim = look_at<A>(lines_, seen_);
    if (claim.fate == Fate::committed) {
      seen_ = claim.end();
      return true;
    }
    if (claim.fate != Fate::aborted || seen_ != position_) {
      return false;
    }
    position_ = seen_ = claim.end();
    gate_.advance(seen_);
    return true;
  }

  Gate<A> gate_;
  std::uint64_t position_ = 0;
  std::uint64_t seen_ = 0;
  const std::uint64_t* mark_;
  SharedRingLines lines_;
  std::size_t line_;
  std::uint64_t first_shown_ = 0;
  std::uint64_t missed_ = 0;
};

} // namespace ringfleet::ring
