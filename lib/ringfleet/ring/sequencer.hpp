#pragma once

// The positions of a ring with one producer: claiming is arithmetic against a cached limit, publishing one release
// store for a whole batch. It knows nothing of slots, so rings of slots and rings of blocks use it alike; and nothing
// in it waits.
//
// The limit is published before anything is written up to it, in steps of an eighth of the capacity:
//
//   producer, when the limit is used up          newcomer
//     least := min(cursor, all gates)              gate := a position it hopes for
//     limit := least + capacity, or a step         joins += 1
//     barrier                                      barrier
//     joins changed? look at the gates again       oldest := limit - capacity; gate := begin, not before oldest
//
// Either the producer sees the newcomer, or the newcomer sees the limit. So nobody begins at a position that is being
// overwritten, and a reader without a gate can tell whether what it has copied was intact (lossy_sequencer.hpp). The
// limit never goes back, and it is at most a step ahead of what is written, so that seven eighths of the ring are there
// for whoever joins at oldest, and for readers without a gate.

#include "ringfleet/base/assert.hpp"
#include "ringfleet/base/atomics.hpp"
#include "ringfleet/base/bits.hpp"
#include "ringfleet/ring/active_lines.hpp"
#include "ringfleet/ring/gate.hpp"
#include "ringfleet/ring/ring_memory.hpp"

#include <algorithm>
#include <cstdint>
#include <span>

namespace ringfleet::ring {

enum class ClaimResult : std::uint8_t {
  claimed,
  full,   // the slowest reader is a capacity behind
  stopped // stop() ended the wait
};

// One thread at a time. The lines must outlive it.
template <class A = Atomics>
class SingleProducerSequencer {
public:
  // Continues at the cursor that `lines` hold. They were formatted.
  explicit SingleProducerSequencer(const RingLines& lines) noexcept
      : producer_(lines.producer), capacity_(lines.capacity),
        claimed_(lines.producer->cursor.template peek_relaxed<A>()), limit_(claimed_), lines_(lines),
        step_(std::max<std::uint64_t>(1, lines.capacity / 8)),
        stated_(lines.producer->limit.template peek_relaxed<A>()) {
    RINGFLEET_ASSERT(is_power_of_two(capacity_), "the capacity of a ring is a power of two");
    look_at_gates();
    A::store_release(producer_->closed, std::uint64_t{0});
  }

  // `count` positions from `first` on, to be filled and published in this order. Looks at the readers only when the
  // limit from the last look is used up. `count` <= capacity.
  [[nodiscard]] ClaimResult try_claim(std::uint64_t count, std::uint64_t& first) noexcept {
    RINGFLEET_DEBUG_ASSERT(count <= capacity_, "a claim larger than the ring can never succeed");
    if (!has_room(count)) [[unlikely]] {
      if (!extend(count)) {
        return ClaimResult::full;
      }
    }
    first = claimed_;
    claimed_ += count;
    return ClaimResult::claimed;
  }

  // Readers see everything below `position`, which has been claimed.
  void publish(std::uint64_t position) noexcept {
    RINGFLEET_DEBUG_ASSERT(!is_before(claimed_, position), "a position is published that was never claimed");
    A::step("ring.filled");
    producer_->cursor.template publish<A>(position);
  }
  // Gives back what is claimed at or beyond `position`, which is not below what is published.
  void unclaim(std::uint64_t position) noexcept { claimed_ = position; }

  // The lines to look at: those that are taken, as of the last look(). Call refresh() first.
  [[nodiscard]] std::span<const std::uint8_t> active() const noexcept { return active_.lines(); }
  void refresh() noexcept {
    if (active_.is_stale(*lines_.joins)) [[unlikely]] {
      look_at_gates();
    }
  }

  // The claim does not wait any more for whoever has taken this line, provided that it is still `incarnation`. What it
  // has not released is overwritten from now on; its next release says so. Wake those who follow it.
  [[nodiscard]] bool evict(std::size_t line, std::uint64_t incarnation) noexcept {
    if (incarnation == 0 || A::load_acquire(lines_.readers[line].incarnation) != incarnation) {
      return false;
    }
    // SYNC ring.evict: release, then a barrier before anything is overwritten; pairs with the acquire barrier in
    // ReaderSequencer::release.
    A::store_release(lines_.evicted[line], incarnation);
    A::step("ring.evicted");
    A::store_load_barrier();
    return true;
  }
  // Nothing more will be published. Wake everybody.
  void close() noexcept {
    // SYNC ring.closed: release; pairs with the acquire in is_closed. Publishes: the last cursor.
    A::store_release(producer_->closed, std::uint64_t{1});
  }

  // Where the slowest reader must have come for a claim of `count` to succeed.
  [[nodiscard]] std::uint64_t gate_needed(std::uint64_t count) const noexcept { return claimed_ + count - capacity_; }
  // Does line i hold back a claim that needs `gate`?
  [[nodiscard]] bool is_behind(std::size_t line, std::uint64_t gate) const noexcept {
    const auto& reader = lines_.readers[line];
    const auto position = reader.gate.template observe<A>();
    return is_gating(position) && is_before(position, gate) && !is_evicted<A>(lines_.evicted[line], reader);
  }
  // May everything below `position` be written, as far as is known?
  [[nodiscard]] bool is_free(std::uint64_t position) const noexcept { return !is_before(limit_, position); }
  [[nodiscard]] std::uint64_t claimed() const noexcept { return claimed_; }
  [[nodiscard]] std::uint64_t published() const noexcept { return producer_->cursor.template peek_relaxed<A>(); }
  [[nodiscard]] std::uint64_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] std::uint64_t joins_seen() const noexcept { return active_.joins_seen(); }
  [[nodiscard]] const RingLines& lines() const noexcept { return lines_; }

private:
  // The limit may lie behind: a newcomer that was stopped while it joined shows an old gate at first.
  [[nodiscard]] bool has_room(std::uint64_t count) const noexcept { return !is_before(limit_, claimed_ + count); }

  [[gnu::noinline]] bool extend(std::uint64_t count) noexcept {
    const auto needed = claimed_ + count;
    if (is_before(free_until_, needed)) {
      look_at_gates();
      if (is_before(free_until_, needed)) {
        return false;
      }
    }
    const auto wanted = earlier(free_until_, later(needed, claimed_ + step_));
    if (is_before(stated_, wanted)) {
      stated_ = wanted;
      // SYNC ring.limit: release, then a barrier before anything is written below it; pairs with the acquire barrier in
      // LossySequencer::check, and for newcomers as ring.join.
      producer_->limit.template publish<A>(wanted);
    }
    A::step("ring.limit_stated");
    // SYNC ring.join: barrier between the limit and the joins; pairs with the barrier in ReaderSequencer::enter.
    A::store_load_barrier();
    if (active_.is_stale(*lines_.joins)) {
      look_at_gates();
      if (is_before(free_until_, needed)) {
        return false;
      }
    }
    limit_ = earlier(stated_, free_until_);
    return true;
  }

  void look_at_gates() noexcept {
    if (active_.is_stale(*lines_.joins)) {
      active_.refresh(*lines_.joins, lines_.readers, [](std::size_t) { return true; });
    }
    A::step("ring.looking_at_gates");
    SlowestGate slowest(published(), capacity_);
    for (const auto line : active_.lines()) {
      const auto& reader = lines_.readers[line];
      const auto gate = reader.gate.template observe<A>();
      if (is_gating(gate) && slowest.is_slower(gate) && !is_evicted<A>(lines_.evicted[line], reader)) {
        slowest.add(gate);
      }
    }
    free_until_ = slowest.position() + capacity_;
  }

  [[nodiscard]] static std::uint64_t earlier(std::uint64_t a, std::uint64_t b) noexcept {
    return is_before(a, b) ? a : b;
  }
  [[nodiscard]] static std::uint64_t later(std::uint64_t a, std::uint64_t b) noexcept {
    return is_before(a, b) ? b : a;
  }

  ProducerLines* producer_;
  std::uint64_t capacity_;
  std::uint64_t claimed_;
  std::uint64_t limit_; // claims go up to here without a look at anything

  RingLines lines_;
  std::uint64_t step_;
  std::uint64_t stated_;         // what the published limit says
  std::uint64_t free_until_ = 0; // as of the last look at the gates
  ActiveLines<A> active_;
};

} // namespace ringfleet::ring
