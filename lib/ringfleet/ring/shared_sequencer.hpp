#pragma once

// The positions of one of many producers of a ring: one total order, claimed with one exchange and published with one
// release store. A producer that dies anywhere leaves nothing that a survivor cannot name: the tail word says whose the
// latest claim is and how long, and whoever claims next first sees to it that this stands in the descriptor array
// (helping). It knows nothing of slots, processes or time, and nothing in it waits.
//
//   claim:    tail → described? room? → tail := {end of the latest, count, owner}      (exchange)
//   publish:  descriptor := committed                                                  (release store)
//
// A producer that is *stopped* between the two stops the readers there, and the others a lap later, until it goes on or
// is killed and repaired. Where that is too much, give each producer a ring of its own.
//
// Where claims may end, and who is in the way of those that may not, is in shared_room.hpp.

#include "ringfleet/base/assert.hpp"
#include "ringfleet/base/bits.hpp"
#include "ringfleet/ring/gate.hpp"
#include "ringfleet/ring/parking.hpp"
#include "ringfleet/ring/shared_claims.hpp"
#include "ringfleet/ring/shared_room.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>

namespace ringfleet::ring {

// One thread at a time, under an owner number that nobody else uses. The lines must outlive it.
template <class A = Atomics>
class SharedSequencer {
public:
  SharedSequencer(const SharedRingLines& lines, std::uint32_t owner) noexcept
      : shared_(lines.shared), capacity_(lines.capacity()), owner_(owner),
        owner_joins_(A::load_relaxed(lines.shared->owner_joins)), room_(lines) {
    RINGFLEET_ASSERT(is_power_of_two(capacity_) && capacity_ <= shared_capacity_max,
                     "the capacity of a ring is a power of two");
    RINGFLEET_ASSERT(owner != 0 && owner < owners_max, "an owner number was taken");
  }

  // `count` positions from `first` on, to be filled and published, or aborted, as one. Several claims may be open at
  // once. Lock-free: it starts over only when another producer has claimed. 0 < `count` <= largest_claim().
  [[nodiscard]] ClaimResult try_claim(std::uint64_t count, std::uint64_t& first) noexcept {
    return claim<false>(count, first, [](std::uint64_t, std::uint64_t) {});
  }
  // The same, with slots that lie behind each other in memory: where too few are left before the end of the ring, those
  // are claimed and aborted. `skipped(begin, end)` for each piece that was: wake whoever waits for it.
  template <class Skipped>
  [[nodiscard]] ClaimResult try_claim_contiguous(std::uint64_t count, std::uint64_t& first,
                                                 Skipped&& skipped) noexcept {
    return claim<true>(count, first, skipped);
  }

  // Readers see the whole claim, as soon as all before it are finished.
  void commit(std::uint64_t first, std::uint64_t count) noexcept { finish(first, count, Fate::committed); }
  // Readers skip the whole claim.
  void abort(std::uint64_t first, std::uint64_t count) noexcept { finish(first, count, Fate::aborted); }

  // After a claim that begins at `before` and ends at `after` was finished: does a reader, or a producer, wait for it?
  [[nodiscard]] bool is_awaited(std::uint64_t before, std::uint64_t after) noexcept {
    A::step("parking.published");
    // SYNC ring.parking: barrier, then loads; pairs with the barrier in announce_wait.
    A::store_load_barrier();
    const auto readers = room_.readers();
    bool awaited = is_awaited_behind_barrier<A>(shared_->awaited_descriptor, before, after);
    for (const auto line : readers) {
      awaited = awaited || is_awaited_behind_barrier<A>(lines().readers[line].awaited_cursor, before, after);
    }
    return awaited;
  }

  // After `full`: whose fault is it? Empty when there may be room by now.
  [[nodiscard]] std::optional<Blocker> blocker(std::uint64_t count) noexcept {
    return room_.blocker(latest_claim<A>(lines()).end() + count - capacity_);
  }
  // A reader that has not released everything below `position`; empty when there is none.
  [[nodiscard]] std::optional<Blocker> reader_behind(std::uint64_t position) noexcept {
    return room_.reader_behind(position);
  }
  [[nodiscard]] bool is_blocking(const Blocker& blocker) const noexcept { return room_.is_blocking(blocker); }

  // Before parking on an unfinished claim; afterwards look once more, and only then sleep. Producers share the flag,
  // and it only moves forward. True: somebody else's wait was replaced, for a claim that is finished by now; ring the
  // bell.
  [[nodiscard]] bool announce_descriptor(std::uint64_t position) noexcept {
    auto current = A::load_acquire(shared_->awaited_descriptor);
    bool is_replaced = false;
    while (!is_replaced && is_before(current, position + 1)) {
      // SYNC ring.parking: exchange, then barrier; pairs with the barrier in is_awaited.
      is_replaced = A::compare_exchange(shared_->awaited_descriptor, current, position + 1);
    }
    A::step("parking.announced");
    A::store_load_barrier();
    return is_replaced;
  }

  // As with one producer: nobody waits any more for whoever took this line as its `incarnation`-th. Then ring the bell.
  [[nodiscard]] bool evict(std::size_t line, std::uint64_t incarnation) noexcept {
    if (incarnation == 0 || A::load_acquire(lines().readers[line].incarnation) != incarnation) {
      return false;
    }
    // SYNC ring.evict: release, then a barrier before anything is overwritten; pairs with the acquire barrier in
    // SharedReaderSequencer::is_evicted.
    raise_to<A>(lines().evicted[line], incarnation);
    A::step("ring.evicted");
    A::store_load_barrier();
    return true;
  }
  // Nothing more will be published, by anybody. Then ring the bell.
  void close() noexcept {
    // SYNC ring.closed: release; pairs with the acquire in is_closed.
    A::store_release(shared_->closed, std::uint64_t{1});
  }

  [[nodiscard]] std::uint32_t owner() const noexcept { return owner_; }
  // Grows when a claim comes behind one of a producer that has joined in the meantime. If that one dies inside its
  // claim, nobody reads this one before somebody has proof of it: see Members::scan.
  [[nodiscard]] std::uint64_t owner_joins() const noexcept { return owner_joins_; }
  [[nodiscard]] std::uint64_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] std::uint64_t largest_claim() const noexcept { return std::min(capacity_, claim_length_max); }
  [[nodiscard]] const SharedRingLines& lines() const noexcept { return room_.lines(); }

private:
  template <bool is_contiguous, class Skipped>
  [[nodiscard]] ClaimResult claim(std::uint64_t count, std::uint64_t& first, Skipped&& skipped) noexcept {
    RINGFLEET_DEBUG_ASSERT(count != 0 && count <= largest_claim(), "a claim that can never succeed");
    auto word = own_word_;
    // Nobody has claimed since we did, as far as we know: one exchange, and nothing else is looked at. A word with our
    // number was written by us, so it is the very claim that we remember. Where it fails it has also brought the line.
    if (own_end_ == finished_end_ && !is_before(room_.granted(), own_end_ + count) &&
        fitting_length<is_contiguous>(own_end_, count) == count) [[likely]] {
      if (move_tail(word, own_end_, count)) [[likely]] {
        first = own_end_ - count;
        return ClaimResult::claimed;
      }
    } else {
      // SYNC shared.tail: acquire; pairs with the release in move_tail. Receives: every descriptor below the latest
      // claim.
      word = A::load_acquire(shared_->tail);
    }
    for (;;) {
      A::step("shared.tail_seen");
      room_.look();
      owner_joins_ = A::load_relaxed(shared_->owner_joins); // of everybody whose claim the tail has told of
      const auto latest = claim_of_tail(word, room_.granted());
      const auto end = latest.end();
      const auto length = fitting_length<is_contiguous>(end, count);
      if (is_before(room_.granted(), end + length) && !room_.extend(end, length)) [[unlikely]] {
        return ClaimResult::full;
      }
      if (end != finished_end_ && !describe<A>(lines(), latest)) [[unlikely]] {
        word = A::load_acquire(shared_->tail);
        continue;
      }
      if (!move_tail(word, end, length)) {
        continue;
      }
      if constexpr (is_contiguous) {
        if (length != count) {
          abort(end, length);
          skipped(end, end + length);
          word = own_word_;
          continue;
        }
      }
      first = end;
      return ClaimResult::claimed;
    }
  }
  // `count`, or what is left before the end of the ring if that is less.
  template <bool is_contiguous>
  [[nodiscard]] std::uint64_t fitting_length(std::uint64_t position, std::uint64_t count) const noexcept {
    return is_contiguous ? std::min(count, capacity_ - (position & (capacity_ - 1))) : count;
  }
  // False: somebody else has claimed, and `word` is what that was.
  [[nodiscard]] bool move_tail(std::uint64_t& word, std::uint64_t begin, std::uint64_t length) noexcept {
    const auto claimed = tail_word({.begin = begin, .length = length, .owner = owner_});
    // SYNC shared.tail: exchange, release; pairs with the acquire in claim, and its own. Publishes: the descriptor of
    // the claim before.
    if (!A::compare_exchange(shared_->tail, word, claimed)) {
      return false;
    }
    own_word_ = claimed;
    own_end_ = begin + length;
    A::step("shared.claimed");
    return true;
  }

  void finish(std::uint64_t first, std::uint64_t count, Fate fate) noexcept {
    A::step("shared.filled");
    const Claim claim{.begin = first, .length = count, .owner = owner_, .fate = fate};
    // SYNC shared.descriptor: release; pairs with the acquire in look_at. Publishes: the slots of the claim. A plain
    // store: until it is finished only its owner and its helpers write this cell, and theirs is an exchange from an
    // older value.
    A::store_release(lines().descriptor(first), descriptor_of(claim, lines().lap(first)));
    finished_end_ = claim.end();
    A::step("shared.finished");
  }

  SharedLines* shared_;
  std::uint64_t capacity_;
  std::uint32_t owner_;
  std::uint64_t own_word_ = 0; // the latest claim of this producer, as it stood in the tail
  std::uint64_t own_end_ = 0;
  std::uint64_t finished_end_ = ~std::uint64_t{0}; // of the claim that this producer finished last
  std::uint64_t owner_joins_;
  SharedRoom<A> room_;
};

} // namespace ringfleet::ring
