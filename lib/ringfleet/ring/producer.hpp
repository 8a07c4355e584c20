#pragma once

// The producer's handle of a ring of T: claim, fill in place, publish.

#include "ringfleet/base/assert.hpp"
#include "ringfleet/base/cache_line.hpp"
#include "ringfleet/base/clock.hpp"
#include "ringfleet/ring/barrier.hpp"
#include "ringfleet/ring/ring_memory.hpp"
#include "ringfleet/ring/sequencer.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

namespace ringfleet::ring {

// One thread of one process at a time; stop() from any thread. The memory must outlive it. When the producer dies,
// what it has published stays readable and nothing else is ever seen.
template <class T, class A = Atomics>
class Producer {
  static_assert(std::is_trivially_copyable_v<T>, "what lies in a ring has no constructor and no destructor");

public:
  // The memory was formatted; positions go on at its cursor.
  explicit Producer(const RingMemory<T>& memory, const BarrierOptions& options = {})
      : sequencer_(memory.lines()), slots_(memory.slots.data()), mask_(memory.slots.size() - 1), barrier_(options),
        parks_(options.waiting == Waiting::park) {}

  // Never waits, no system call. After `claimed`, slot(first) … slot(first + count - 1) are the caller's to fill.
  // `count` <= capacity().
  [[nodiscard]] ClaimResult try_claim(std::uint64_t count, std::uint64_t& first) noexcept {
    const auto result = sequencer_.try_claim(count, first);
    if (result == ClaimResult::claimed) [[likely]] {
      fetch_ahead(first, count);
    }
    return result;
  }
  // Waits for the slowest reader: a reader that is stopped stops the producer, a dead one until its line is vacated.
  // `full` at the deadline.
  [[nodiscard]] ClaimResult claim(std::uint64_t count, std::uint64_t& first, MonotonicNs deadline) {
    RINGFLEET_ASSERT(sequencer_.claimed() - sequencer_.published() + count <= capacity(),
                     "a claim that waits for what its own thread has not published yet");
    for (bool is_last = false;; is_last = barrier_.is_past<A>(deadline)) {
      if (const auto result = try_claim(count, first); result == ClaimResult::claimed || is_last) {
        return result;
      }
      const auto result = barrier_.wait<A>(GatesAwaited{sequencer_, sequencer_.gate_needed(count)}, deadline);
      if (result != BarrierResult::reached) {
        return result == BarrierResult::stopped ? ClaimResult::stopped : ClaimResult::full;
      }
    }
  }
  // Waits until every reader that gates has released everything below `position`, which is published.
  [[nodiscard]] BarrierResult wait_for_readers(std::uint64_t position, MonotonicNs deadline) {
    return barrier_.wait<A>(GatesAwaited{sequencer_, position}, deadline);
  }
  // Gives back what was claimed at or beyond `position` and not published.
  void unclaim(std::uint64_t position) noexcept { sequencer_.unclaim(position); }

  // A claimed position.
  [[nodiscard]] T& slot(std::uint64_t position) noexcept { return slots_[position & mask_]; }
  // The slots of claimed positions from `first` on that lie behind each other in memory: all `count`, or those before
  // the end of the ring; then the rest begins at first + size().
  [[nodiscard]] std::span<T> span(std::uint64_t first, std::uint64_t count) noexcept {
    const auto index = first & mask_;
    return {slots_ + index, static_cast<std::size_t>(std::min(count, mask_ + 1 - index))};
  }

  // Everything below `position` becomes visible. One release store; where readers may park also a barrier, and one
  // system call when somebody waits for it.
  void publish(std::uint64_t position) noexcept {
    if (!parks_) {
      sequencer_.publish(position);
      return;
    }
    const auto before = sequencer_.published();
    sequencer_.publish(position);
    wake_readers(before, position);
  }

  // Claims one slot, copies, publishes. Never waits.
  [[nodiscard]] ClaimResult try_push(const T& value) noexcept {
    std::uint64_t position = 0;
    const auto result = try_claim(1, position);
    if (result == ClaimResult::claimed) [[likely]] {
      slot(position) = value;
      publish(position + 1);
    }
    return result;
  }
  // The same for all of them at once, or none.
  [[nodiscard]] ClaimResult try_push(std::span<const T> values) noexcept {
    std::uint64_t first = 0;
    const auto result = try_claim(values.size(), first);
    if (result == ClaimResult::claimed) [[likely]] {
      const auto piece = span(first, values.size());
      std::copy_n(values.data(), piece.size(), piece.data());
      std::copy_n(values.data() + piece.size(), values.size() - piece.size(), slots_);
      publish(first + values.size());
    }
    return result;
  }

  // Does not wait any more for the reader that took this line as its `incarnation`-th; see ReaderLines. It learns so at
  // its next release. False when it is gone.
  [[nodiscard]] bool evict(std::size_t line, std::uint64_t incarnation) noexcept {
    const bool is_done = sequencer_.evict(line, incarnation);
    if (is_done && parks_) {
      ring_bell<A>(sequencer_.lines().producer->bell, barrier_.options().shared);
    }
    return is_done;
  }
  // Nothing more is published: readers get `detached` when they have read everything.
  void close() noexcept {
    sequencer_.close();
    if (parks_) {
      ring_bell<A>(sequencer_.lines().producer->bell, barrier_.options().shared);
    }
  }

  // Any thread: ends waits with `stopped`, until resume().
  void stop() noexcept { barrier_.stop<A>(); }
  void resume() noexcept { barrier_.resume(); }

  [[nodiscard]] std::uint64_t capacity() const noexcept { return mask_ + 1; }
  [[nodiscard]] std::uint64_t claimed() const noexcept { return sequencer_.claimed(); }
  [[nodiscard]] std::uint64_t published() const noexcept { return sequencer_.published(); }
  [[nodiscard]] SingleProducerSequencer<A>& sequencer() noexcept { return sequencer_; }
  // System calls made to wake readers.
  [[nodiscard]] std::uint64_t wakes() const noexcept { return wakes_; }

private:
  struct GatesAwaited {
    SingleProducerSequencer<A>& sequencer;
    std::uint64_t gate;

    [[nodiscard]] bool is_over() const noexcept {
      for (const auto line : sequencer.active()) {
        if (sequencer.is_behind(line, gate)) {
          return false;
        }
      }
      return true;
    }
    void announce() const noexcept { announce_wait<A>(sequencer.lines().producer->awaited_gate, gate); }
    void collect(BellList& bells) const noexcept {
      for (const auto line : sequencer.active()) {
        if (sequencer.is_behind(line, gate)) {
          bells.add<A>(sequencer.lines().readers[line].bell);
        }
      }
    }
  };

  // The readers hold the lines of the slots since they read them a lap ago. Each store that has to wait for its line
  // holds up all stores behind it, the cursor's among them, so lines are asked for before their turn comes.
  void fetch_ahead(std::uint64_t first, std::uint64_t count) noexcept {
    const auto bytes = std::min(count * sizeof(T), std::uint64_t{lines_at_once_max * cache_line_bytes});
    const auto* begin = reinterpret_cast<const std::byte*>(slots_ + ((first + slots_ahead) & mask_));
    for (std::uint64_t offset = 0; offset < bytes; offset += cache_line_bytes) {
      prefetch_to_write(begin + offset);
    }
  }
  static constexpr std::size_t lines_ahead = 12;
  static constexpr std::size_t lines_at_once_max = 32;
  static constexpr std::uint64_t slots_ahead = std::max<std::size_t>(1, lines_ahead* cache_line_bytes / sizeof(T));

  void wake_readers(std::uint64_t before, std::uint64_t after) noexcept {
    A::step("parking.published");
    // SYNC ring.parking: barrier, then loads; pairs with the barrier in announce_wait.
    A::store_load_barrier();
    sequencer_.refresh();
    const auto& lines = sequencer_.lines();
    bool awaited = false;
    for (const auto line : sequencer_.active()) {
      awaited = awaited || is_awaited_behind_barrier<A>(lines.readers[line].awaited_cursor, before, after);
    }
    if (awaited) [[unlikely]] {
      ring_bell<A>(lines.producer->bell, barrier_.options().shared);
      ++wakes_;
      count_in(barrier_.options().wakes);
    }
  }

  SingleProducerSequencer<A> sequencer_;
  T* slots_;
  std::uint64_t mask_;
  Barrier barrier_;
  bool parks_;
  std::uint64_t wakes_ = 0;
};

} // namespace ringfleet::ring
