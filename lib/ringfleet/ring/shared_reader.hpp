#pragma once

// The handle of a reliable reader of a ring of T with many producers: wait, read in place, release. Every reader gets
// everything, and all in the same order.

#include "ringfleet/base/clock.hpp"
#include "ringfleet/ring/barrier.hpp"
#include "ringfleet/ring/reader.hpp"
#include "ringfleet/ring/shared_reader_sequencer.hpp"
#include "ringfleet/ring/shared_ring.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

namespace ringfleet::ring {

// One thread of one process at a time; stop() from any thread. The memory must outlive it. Leaves when it ends. When
// the reader dies, the producers wait for it until whoever knows that vacates its line.
template <class T, class A = Atomics>
class SharedReader {
  static_assert(std::is_trivially_copyable_v<T>, "what lies in a ring has no constructor and no destructor");

public:
  // Joins on a line that nobody else uses. Empty when it is taken, or when the asked-for position lies in the future.
  [[nodiscard]] static std::optional<SharedReader> join(const SharedRingMemory<T>& memory, std::size_t line,
                                                        const JoinOptions& join_options = {},
                                                        const BarrierOptions& options = {}) {
    auto sequencer = SharedReaderSequencer<A>::join(memory.lines(), line, join_options);
    if (!sequencer) {
      return std::nullopt;
    }
    SharedReader reader(memory, *sequencer, options);
    reader.wake_others(reader.sequencer_.first_shown(), reader.position());
    return reader;
  }
  SharedReader(SharedReader&& other) noexcept
      : sequencer_(other.sequencer_), slots_(std::exchange(other.slots_, nullptr)), mask_(other.mask_),
        parks_(other.parks_), barrier_(std::move(other.barrier_)) {}
  SharedReader& operator=(SharedReader&& other) noexcept {
    SharedReader moved(std::move(other));
    std::swap(sequencer_, moved.sequencer_);
    std::swap(slots_, moved.slots_);
    std::swap(mask_, moved.mask_);
    std::swap(parks_, moved.parks_);
    std::swap(barrier_, moved.barrier_);
    return *this;
  }
  ~SharedReader() { leave(); }

  // How many elements can be read now, from position() on. Never waits. When it has skipped aborted claims, position()
  // has moved.
  [[nodiscard]] std::uint64_t available() noexcept {
    const auto before = sequencer_.gate();
    const auto count = sequencer_.available();
    wake_others(before, sequencer_.gate());
    return count;
  }
  // Waits until `count` elements can be read (`count` <= capacity), or at least one where an aborted claim comes next.
  // `detached`: nothing more will come, and fewer than `count` are left; what a reader that this one follows has yet to
  // release is left as well. `evicted`, `stopped`, `timed_out`.
  [[nodiscard]] BarrierResult wait(std::uint64_t count, MonotonicNs deadline) {
    for (bool is_last = false;; is_last = barrier_.is_past<A>(deadline)) {
      if (sequencer_.is_evicted()) {
        return BarrierResult::evicted;
      }
      const auto available = available_now();
      if (available >= count || (available != 0 && sequencer_.is_before_aborted())) {
        return BarrierResult::reached;
      }
      if (is_last) {
        return BarrierResult::timed_out;
      }
      const auto result = barrier_.wait<A>(ClaimAwaited{*this, sequencer_.seen()}, deadline);
      if (result != BarrierResult::reached) {
        return result;
      }
      if (!sequencer_.is_evicted() && is_over() && available_now() < count && is_at_end()) {
        return BarrierResult::detached;
      }
    }
  }

  // `position` < position() + available(). Valid until it is released, as long as the release answers `ok`.
  [[nodiscard]] const T& slot(std::uint64_t position) const noexcept { return slots_[position & mask_]; }
  // The slots from `first` on that lie behind each other in memory: all `count`, or those before the end of the ring.
  [[nodiscard]] std::span<const T> span(std::uint64_t first, std::uint64_t count) const noexcept {
    const auto index = first & mask_;
    return {slots_ + index, static_cast<std::size_t>(std::min(count, mask_ + 1 - index))};
  }
  [[nodiscard]] std::uint64_t position() const noexcept { return sequencer_.position(); }

  // The first `count` available elements are not read any more; the producers get them back claim by claim. `ok`, or
  // `evicted`: what slot() gave was void already. One release store; where others park also a barrier, and one system
  // call when somebody waits for it.
  [[nodiscard]] ReadResult release(std::uint64_t count) noexcept {
    const auto before = sequencer_.gate();
    const auto result = sequencer_.release(count);
    wake_others(before, sequencer_.gate());
    return result;
  }

  // handler(const T&) for each element that is there, at most `max`; then releases them all at once. Never waits; no
  // system call unless somebody waits for the release. A handler that throws releases nothing.
  template <class Handler>
  [[nodiscard]] Polled poll(Handler&& handler, std::uint64_t max = ~std::uint64_t{0}) {
    const auto count = std::min(available(), max);
    if (count == 0) {
      return {idle_result(), 0};
    }
    const auto first_piece = span(position(), count);
    for (const T& element : first_piece) {
      handler(element);
    }
    for (const T& element : std::span<const T>(slots_, count - first_piece.size())) {
      handler(element);
    }
    return {release(count), count};
  }

  // The producers do not wait for this reader any more. Everything that is not released is given up. Nothing else may
  // be called afterwards; more than once is fine.
  void leave() noexcept {
    if (std::exchange(slots_, nullptr) != nullptr) {
      auto& own = sequencer_.own();
      sequencer_.leave();
      if (parks_) {
        ring_bell<A>(own.bell, barrier_.options().shared);
      }
    }
  }

  // What wait(1) waits for: for waits over several readers (fan_in.hpp), or by another thread (event_reader.hpp).
  // Reading may go on meanwhile. Skips aborted claims first. It is over, too, when the next claim is aborted: the
  // reader is to skip it, and may find nothing behind it.
  [[nodiscard]] Awaited auto next_awaited() noexcept {
    const bool is_there = available_now() != 0;
    return ClaimAwaited{*this, sequencer_.seen(), is_there};
  }

  // Any thread: ends waits with `stopped`, until resume().
  void stop() noexcept { barrier_.stop<A>(); }
  void resume() noexcept { barrier_.resume(); }

  [[nodiscard]] std::uint64_t missed() const noexcept { return sequencer_.missed(); } // see SharedReaderSequencer
  [[nodiscard]] std::uint64_t incarnation() const noexcept { return sequencer_.incarnation(); }
  [[nodiscard]] std::uint64_t capacity() const noexcept { return mask_ + 1; }
  [[nodiscard]] SharedReaderSequencer<A>& sequencer() noexcept { return sequencer_; }
  [[nodiscard]] const BarrierOptions& options() const noexcept { return barrier_.options(); }

private:
  // Whoever finishes the claim at `position`, or makes one there and finishes it, wakes us; in whatever order claims
  // are finished, this is the one that holds us up.
  struct ClaimAwaited {
    SharedReader& reader;
    std::uint64_t position;
    bool is_there = false; // something can be read before it

    [[nodiscard]] bool is_over() const noexcept {
      if (is_there) {
        return true;
      }
      const auto& sequencer = reader.sequencer_;
      return sequencer.is_there(position) || sequencer.is_evicted() ||
             (reader.is_over() && !sequencer.is_committed(position));
    }
    void announce() const noexcept { announce_wait<A>(reader.sequencer_.own().awaited_cursor, position + 1); }
    void collect(BellList& bells) const noexcept {
      const auto& lines = reader.sequencer_.lines();
      bells.add<A>(lines.shared->bell);
      reader.sequencer_.followed().for_each([&](std::size_t line) { bells.add<A>(lines.readers[line].bell); });
    }
  };

  SharedReader(const SharedRingMemory<T>& memory, const SharedReaderSequencer<A>& sequencer,
               const BarrierOptions& options)
      : sequencer_(sequencer), slots_(memory.slots.data()), mask_(memory.slots.size() - 1),
        parks_(options.waiting == Waiting::park), barrier_(options) {}

  [[nodiscard]] std::uint64_t available_now() noexcept {
    const auto before = sequencer_.gate();
    const auto count = sequencer_.available_now();
    wake_others(before, sequencer_.gate());
    return count;
  }
  // Nothing more will come, or it would be void.
  [[nodiscard]] bool is_over() const noexcept {
    const auto* dead = barrier_.options().dead;
    return sequencer_.is_closed() || (dead != nullptr && dead->observe<A>() != 0) || sequencer_.is_evicted();
  }
  // Nothing is left behind what can be read; asked when nothing more will come.
  [[nodiscard]] bool is_at_end() const noexcept { return !sequencer_.is_committed(sequencer_.seen()); }
  [[nodiscard]] ReadResult idle_result() noexcept {
    if (!is_over()) {
      return ReadResult::empty;
    }
    if (sequencer_.is_evicted()) {
      return ReadResult::evicted;
    }
    // What was published before the end is read first.
    return available_now() != 0 || !is_at_end() ? ReadResult::empty : ReadResult::detached;
  }
  void wake_others(std::uint64_t before, std::uint64_t after) noexcept {
    if (parks_ && before != after && sequencer_.is_awaited(before, after)) [[unlikely]] {
      ring_bell<A>(sequencer_.own().bell, barrier_.options().shared);
      count_in(barrier_.options().wakes);
    }
  }

  SharedReaderSequencer<A> sequencer_;
  const T* slots_;
  std::uint64_t mask_;
  bool parks_;
  Barrier barrier_;
};

} // namespace ringfleet::ring
