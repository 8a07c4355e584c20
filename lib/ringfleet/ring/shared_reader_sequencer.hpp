#pragma once

// The positions of a reliable reader of a ring with many producers. It walks the descriptors: committed claims are
// seen, aborted ones skipped, and at the first one that is neither it stops. It writes nothing but its own line.
//
// A claim is released as a whole: the gate stays at its beginning until all of it is released. So every gate lies on
// the border of two claims, where a walk can begin, and never beyond an unfinished one.
//
// A reader may follow others (followed.hpp). It walks as far as any reader, and sees the claims that they have released
// as a whole. What was aborted holds no reader's work: it skips that by itself, so its gate may be ahead of theirs by
// claims that nobody will ever see.

#include "ringfleet/ring/active_lines.hpp"
#include "ringfleet/ring/followed.hpp"
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
    SharedReaderSequencer reader(lines, line, options);
    if (!reader.enter(options)) {
      return std::nullopt;
    }
    return reader;
  }

  // How many elements can be read now, from position() on; when the last answer is used up, one load for each claim.
  // Skips what was aborted: then position() has moved.
  [[nodiscard]] std::uint64_t available() noexcept { return seen_ == position_ ? available_now() : seen_within_ring(); }
  // The same, looking anew.
  [[nodiscard]] std::uint64_t available_now() noexcept {
    walk();
    seen_ = followed_.is_nobody() ? walked_ : border_of_followed();
    return seen_within_ring();
  }

  // Can the claim at `position`, on the border of two, be read or skipped? May be asked by another thread while this
  // reader exists.
  [[nodiscard]] bool is_there(std::uint64_t position) const noexcept {
    const auto claim = look_at<A>(lines_, position);
    return claim.fate == Fate::aborted || (claim.fate == Fate::committed && is_released_by_followed(claim.end()));
  }
  // Is the claim at `position` committed, whether or not those that this reader follows have released it? Likewise.
  [[nodiscard]] bool is_committed(std::uint64_t position) const noexcept {
    return look_at<A>(lines_, position).fate == Fate::committed;
  }

  // The first `count` available elements may be overwritten, as soon as their whole claim is released. `ok` or
  // `evicted`.
  [[nodiscard]] ReadResult release(std::uint64_t count) noexcept {
    if (is_evicted()) [[unlikely]] {
      return ReadResult::evicted;
    }
    position_ += count;
    const auto border = position_ == seen_ ? seen_ : border_before(gate_.position(), position_);
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

  // After gate() went from `before` to `after`: does a producer or a follower wait for that?
  [[nodiscard]] bool is_awaited(std::uint64_t before, std::uint64_t after) noexcept {
    A::step("parking.published");
    // SYNC ring.parking: barrier, then loads; pairs with the barrier in announce_wait.
    A::store_load_barrier();
    if (followers_.is_stale(*lines_.joins)) [[unlikely]] {
      followers_.refresh(*lines_.joins, lines_.readers,
                         [&](std::size_t i) { return Followed<A>::is_shown(lines_.readers[i], line_); });
    }
    bool awaited = false;
    for (const auto follower : followers_.lines()) {
      awaited = awaited || is_awaited_behind_barrier<A>(lines_.readers[follower].awaited_cursor, before, after);
    }
    const auto used = A::load_acquire(lines_.shared->owners_used);
    for (std::uint32_t owner = 1; owner < used && owner < owners_max && !awaited; ++owner) {
      awaited = is_awaited_behind_barrier<A>(lines_.owners->awaited_gate[owner], before, after);
    }
    return awaited;
  }
  [[nodiscard]] const Followed<A>& followed() const noexcept { return followed_; }

  [[nodiscard]] std::uint64_t position() const noexcept { return position_; }
  // On the border of two claims: nothing at or beyond it can be read as yet.
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

  SharedReaderSequencer(const SharedRingLines& lines, std::size_t line, const JoinOptions& options) noexcept
      : mark_(&lines.evicted[line]), lines_(lines), line_(line),
        followed_(options.follows, line, lines.readers.size()) {}

  [[nodiscard]] bool enter(const JoinOptions& options) noexcept {
    if (options.from == JoinFrom::sequence && is_before(latest_claim<A>(lines_).end(), options.position)) {
      return false;
    }
    first_shown_ = A::load_acquire(lines_.shared->limit) - lines_.capacity();
    if (!gate_.take(lines_.readers[line_], first_shown_)) {
      return false;
    }
    followed_.show(own());
    A::step("ring.gate_shown");
    // SYNC ring.joins: release; pairs with the acquire in ActiveLines::refresh. Publishes: the line, and whom it
    // follows.
    A::fetch_add(lines_.joins->value, std::uint64_t{1});
    A::step("ring.joined");
    // SYNC ring.join: barrier between the gate and the limit; pairs with the barrier in SharedRoom::extend.
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
    position_ = seen_ = walked_ = begin;
    return true;
  }

  [[nodiscard]] bool is_released_by_followed(std::uint64_t position) const noexcept {
    return followed_.is_nobody() || !is_before(followed_.least(lines_.readers, lines_.evicted, position), position);
  }
  // How far those that this reader follows have released what was walked; whoever joined behind us is waited for.
  [[nodiscard]] std::uint64_t border_of_followed() const noexcept {
    const auto least = followed_.least(lines_.readers, lines_.evicted, walked_);
    return is_before(least, walked_) ? border_before(seen_, least) : walked_;
  }

  // From `border` on to the last border of two claims that is not behind `position`.
  [[nodiscard]] std::uint64_t border_before(std::uint64_t border, std::uint64_t position) const noexcept {
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
      auto walked = walked_;
      // SYNC shared.descriptor: acquire; pairs with the release in SharedSequencer::commit. Receives: the slots.
      while (is_before(walked, end) &&
             is_single_committed(A::load_acquire(lines_.descriptor(walked)), lines_.lap(walked))) {
        ++walked;
      }
      walked_ = walked;
      if (!is_before(walked, end) || !walk_claim()) {
        return;
      }
    }
  }
  // Of any length and fate. False: the walk ends here.
  [[nodiscard]] bool walk_claim() noexcept {
    const auto claim = look_at<A>(lines_, walked_);
    if (claim.fate == Fate::committed) {
      walked_ = claim.end();
      return true;
    }
    if (claim.fate != Fate::aborted || walked_ != position_) {
      return false;
    }
    position_ = seen_ = walked_ = claim.end();
    gate_.advance(walked_);
    return true;
  }

  Gate<A> gate_;
  std::uint64_t position_ = 0;
  std::uint64_t seen_ = 0;
  std::uint64_t walked_ = 0; // as seen_ if nobody were followed; everything between the two is committed
  const std::uint64_t* mark_;
  SharedRingLines lines_;
  std::size_t line_;
  std::uint64_t first_shown_ = 0;
  std::uint64_t missed_ = 0;
  Followed<A> followed_;
  ActiveLines<A> followers_;
};

} // namespace ringfleet::ring
