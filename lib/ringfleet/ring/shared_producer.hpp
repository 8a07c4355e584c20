#pragma once

// The handle of one of many producers of a ring of T: claim, fill in place, publish or abort.

#include "ringfleet/base/clock.hpp"
#include "ringfleet/ring/barrier.hpp"
#include "ringfleet/ring/shared_owners.hpp"
#include "ringfleet/ring/shared_ring.hpp"
#include "ringfleet/ring/shared_sequencer.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

namespace ringfleet::ring {

// One thread of one process at a time; stop() from any thread. The memory must outlive it. When a producer dies, what
// it has published is read like everything else; what it had claimed stops the readers there until a survivor, or
// the next to join, has repaired it. When it ends it aborts what it has not published, and gives its number back.
template <class T, class A = Atomics>
class SharedProducer {
  static_assert(std::is_trivially_copyable_v<T>, "what lies in a ring has no constructor and no destructor");

public:
  // `identity`: see owner_identity(). Empty when every number is held by the living. What the dead have left is
  // finished first. Never blocks.
  template <ProofOfDeath IsDead>
  [[nodiscard]] static std::optional<SharedProducer> join(const SharedRingMemory<T>& memory, std::uint64_t identity,
                                                          IsDead&& is_dead, const BarrierOptions& options = {}) {
    (void)repair_dead<A>(memory.lines(), is_dead);
    const auto owner = take_owner<A>(memory.lines(), identity, is_dead);
    // Of a dead producer it is not known whether it woke those who wait for what it had published.
    ring_shared_bell<A>(memory.shared, options.shared);
    if (!owner) {
      return std::nullopt;
    }
    return SharedProducer(memory, *owner, identity, options);
  }
  SharedProducer(SharedProducer&& other) noexcept
      : sequencer_(other.sequencer_), identity_(std::exchange(other.identity_, 0)), slots_(other.slots_),
        mask_(other.mask_), barrier_(std::move(other.barrier_)), parks_(other.parks_), wakes_(other.wakes_) {}
  SharedProducer& operator=(SharedProducer&& other) noexcept {
    SharedProducer moved(std::move(other));
    std::swap(sequencer_, moved.sequencer_);
    std::swap(identity_, moved.identity_);
    std::swap(slots_, moved.slots_);
    std::swap(mask_, moved.mask_);
    std::swap(barrier_, moved.barrier_);
    std::swap(parks_, moved.parks_);
    std::swap(wakes_, moved.wakes_);
    return *this;
  }
  ~SharedProducer() { leave(); }

  // Never waits, no system call. After `claimed`, slot(first) … slot(first + count - 1) are the caller's to fill, and
  // to publish or abort as one. 0 < `count` <= largest_claim().
  [[nodiscard]] ClaimResult try_claim(std::uint64_t count, std::uint64_t& first) noexcept {
    return sequencer_.try_claim(count, first);
  }
  // The same with slots that lie behind each other in memory: what is left before the end of the ring is claimed and
  // aborted where it is too little.
  [[nodiscard]] ClaimResult try_claim_contiguous(std::uint64_t count, std::uint64_t& first) noexcept {
    return sequencer_.try_claim_contiguous(
        count, first, [this](std::uint64_t before, std::uint64_t after) noexcept { wake(before, after); });
  }
  // Waits for the slowest reader: a reader that is stopped stops the producers, a dead one until its line is vacated. A
  // producer that dies or is stopped inside a claim does so as well, and so do own claims that are still open. `full`
  // at the deadline.
  [[nodiscard]] ClaimResult claim(std::uint64_t count, std::uint64_t& first, MonotonicNs deadline) {
    for (bool is_last = false;; is_last = barrier_.is_past<A>(deadline)) {
      if (const auto result = try_claim(count, first); result == ClaimResult::claimed || is_last) {
        return result;
      }
      const auto blocker = sequencer_.blocker(count);
      if (!blocker) {
        continue;
      }
      const auto result = barrier_.wait<A>(RoomAwaited{*this, *blocker}, deadline);
      if (result != BarrierResult::reached) {
        return result == BarrierResult::stopped ? ClaimResult::stopped : ClaimResult::full;
      }
    }
  }

  // Waits until every reader that gates has released everything below `position`, which is published.
  [[nodiscard]] BarrierResult wait_for_readers(std::uint64_t position, MonotonicNs deadline) {
    for (bool is_last = false;; is_last = barrier_.is_past<A>(deadline)) {
      const auto blocker = sequencer_.reader_behind(position);
      if (!blocker || is_last) {
        return blocker ? BarrierResult::timed_out : BarrierResult::reached;
      }
      if (const auto result = barrier_.wait<A>(RoomAwaited{*this, *blocker}, deadline);
          result != BarrierResult::reached) {
        return result;
      }
    }
  }

  // A claimed position.
  [[nodiscard]] T& slot(std::uint64_t position) noexcept { return slots_[position & mask_]; }
  // The slots of claimed positions from `first` on that lie behind each other in memory: all `count`, or those before
  // the end of the ring; then the rest begins at first + size().
  [[nodiscard]] std::span<T> span(std::uint64_t first, std::uint64_t count) noexcept {
    const auto index = first & mask_;
    return {slots_ + index, static_cast<std::size_t>(std::min(count, mask_ + 1 - index))};
  }

  // A claim becomes visible as soon as all claims before it are finished. One release store; where readers may park
  // also a barrier, and one system call when somebody waits for it.
  void publish(std::uint64_t first, std::uint64_t count) noexcept {
    sequencer_.commit(first, count);
    wake(first, first + count);
  }
  // Readers never see the claim.
  void abort(std::uint64_t first, std::uint64_t count) noexcept {
    sequencer_.abort(first, count);
    wake(first, first + count);
  }

  // Claims one slot, copies, publishes. Never waits.
  [[nodiscard]] ClaimResult try_push(const T& value) noexcept {
    std::uint64_t position = 0;
    const auto result = try_claim(1, position);
    if (result == ClaimResult::claimed) [[likely]] {
      slot(position) = value;
      publish(position, 1);
    }
    return result;
  }

  // For whoever has learnt that a producer is dead; any producer, before it changes its obituary. Returns how many
  // claims were aborted.
  template <ProofOfDeath IsDead>
  std::uint64_t repair(IsDead&& is_dead) {
    const auto aborted = repair_dead<A>(sequencer_.lines(), is_dead);
    ring_shared_bell<A>(*sequencer_.lines().shared, barrier_.options().shared);
    return aborted;
  }

  // Nobody waits any more for the reader that took this line as its `incarnation`-th; see ReaderLines. It learns so at
  // its next release. False when it is gone.
  [[nodiscard]] bool evict(std::size_t line, std::uint64_t incarnation) noexcept {
    const bool is_done = sequencer_.evict(line, incarnation);
    if (is_done) {
      ring_shared_bell<A>(*sequencer_.lines().shared, barrier_.options().shared);
    }
    return is_done;
  }
  // Nothing more is published, by anybody: readers get `detached` when they have read everything.
  void close() noexcept {
    sequencer_.close();
    ring_shared_bell<A>(*sequencer_.lines().shared, barrier_.options().shared);
  }
  // What is claimed and not published is aborted; the number may be given to somebody else. Nothing else may be called
  // afterwards; more than once is fine.
  void leave() noexcept {
    if (const auto identity = std::exchange(identity_, 0); identity != 0) {
      const auto& lines = sequencer_.lines();
      if (ring::repair<A>(lines, sequencer_.owner(), identity) != 0) {
        ring_shared_bell<A>(*lines.shared, barrier_.options().shared);
      }
      release_owner<A>(lines, sequencer_.owner(), identity);
    }
  }

  // Any thread: ends waits with `stopped`, until resume().
  void stop() noexcept { barrier_.stop<A>(); }
  void resume() noexcept { barrier_.resume(); }

  [[nodiscard]] std::uint64_t capacity() const noexcept { return mask_ + 1; }
  [[nodiscard]] std::uint64_t largest_claim() const noexcept { return sequencer_.largest_claim(); }
  [[nodiscard]] std::uint32_t owner() const noexcept { return sequencer_.owner(); }
  [[nodiscard]] SharedSequencer<A>& sequencer() noexcept { return sequencer_; }
  // System calls made to wake others.
  [[nodiscard]] std::uint64_t wakes() const noexcept { return wakes_; }

private:
  struct RoomAwaited {
    SharedProducer& producer;
    Blocker blocker;

    [[nodiscard]] bool is_over() const noexcept { return !producer.sequencer_.is_blocking(blocker); }
    void announce() const noexcept {
      auto& sequencer = producer.sequencer_;
      const auto& lines = sequencer.lines();
      if (blocker.line) {
        announce_wait<A>(lines.owners->awaited_gate[sequencer.owner()], blocker.position);
      } else if (sequencer.announce_descriptor(blocker.position)) {
        ring_shared_bell<A>(*lines.shared, producer.barrier_.options().shared);
      }
    }
    void collect(BellList& bells) const noexcept {
      const auto& lines = producer.sequencer_.lines();
      bells.add<A>(lines.shared->bell);
      if (blocker.line) {
        bells.add<A>(lines.readers[*blocker.line].bell);
      }
    }
  };

  SharedProducer(const SharedRingMemory<T>& memory, std::uint32_t owner, std::uint64_t identity,
                 const BarrierOptions& options)
      : sequencer_(memory.lines(), owner), identity_(identity), slots_(memory.slots.data()),
        mask_(memory.slots.size() - 1), barrier_(options), parks_(options.waiting == Waiting::park) {}

  void wake(std::uint64_t before, std::uint64_t after) noexcept {
    if (parks_ && sequencer_.is_awaited(before, after)) [[unlikely]] {
      ring_shared_bell<A>(*sequencer_.lines().shared, barrier_.options().shared);
      ++wakes_;
      count_in(barrier_.options().wakes);
    }
  }

  SharedSequencer<A> sequencer_;
  std::uint64_t identity_;
  T* slots_;
  std::uint64_t mask_;
  Barrier barrier_;
  bool parks_;
  std::uint64_t wakes_ = 0;
};

} // namespace ringfleet::ring
