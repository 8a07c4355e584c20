#pragma once

// The handle of a reliable reader of a ring of T: wait, read in place, release.

#include "ringfleet/base/clock.hpp"
#include "ringfleet/ring/barrier.hpp"
#include "ringfleet/ring/reader_sequencer.hpp"
#include "ringfleet/ring/ring_memory.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

namespace ringfleet::ring {

struct Polled {
  ReadResult result;   // ok: `count` elements were handled and released
  std::uint64_t count; // evicted: they were handled, but may have been garbage
};

// One thread of one process at a time; stop() from any thread. The memory must outlive it. Leaves when it ends. When
// the reader dies, the producer waits for it until whoever knows that vacates its line.
template <class T, class A = Atomics>
class Reader {
  static_assert(std::is_trivially_copyable_v<T>, "what lies in a ring has no constructor and no destructor");

public:
  // Joins on a line that nobody else uses. Empty when it is taken, or when the asked-for position lies in the future.
  [[nodiscard]] static std::optional<Reader> join(const RingMemory<T>& memory, std::size_t line,
                                                  const JoinOptions& join_options = {},
                                                  const BarrierOptions& options = {}) {
    auto sequencer = ReaderSequencer<A>::join(memory.lines(), line, join_options);
    if (!sequencer) {
      return std::nullopt;
    }
    Reader reader(memory, *sequencer, options);
    reader.wake_others(reader.sequencer_.first_shown(), reader.position());
    return reader;
  }
  Reader(Reader&& other) noexcept
      : sequencer_(other.sequencer_), slots_(std::exchange(other.slots_, nullptr)), mask_(other.mask_),
        parks_(other.parks_), barrier_(std::move(other.barrier_)) {}
  Reader& operator=(Reader&& other) noexcept {
    Reader moved(std::move(other));
    std::swap(sequencer_, moved.sequencer_);
    std::swap(slots_, moved.slots_);
    std::swap(mask_, moved.mask_);
    std::swap(parks_, moved.parks_);
    std::swap(barrier_, moved.barrier_);
    return *this;
  }
  ~Reader() { leave(); }

  // How many elements can be read now, from position() on. Never waits; one load when the last answer is used up.
  [[nodiscard]] std::uint64_t available() noexcept { return sequencer_.available(); }
  // The same, looking anew: for who reads on without releasing.
  [[nodiscard]] std::uint64_t available_now() noexcept { return sequencer_.available_now(); }
  // Waits until `count` elements can be read (`count` <= capacity). `detached`: the producer is gone, and fewer than
  // `count` are left; what a reader that this one follows has yet to release is left as well. `evicted`, `stopped`,
  // `timed_out`.
  [[nodiscard]] BarrierResult wait(std::uint64_t count, MonotonicNs deadline) {
    static_cast<void>(sequencer_.available()); // paces the looks while a stream flows
    const auto end = sequencer_.position() + count;
    for (;;) {
      const auto result = barrier_.wait<A>(ElementsAwaited{*this, end}, deadline);
      if (result != BarrierResult::reached) {
        return result;
      }
      if (sequencer_.is_evicted()) {
        return BarrierResult::evicted;
      }
      if (sequencer_.available_now() >= count) {
        return BarrierResult::reached;
      }
      if (is_over(end)) {
        return BarrierResult::detached;
      }
      if (barrier_.is_past<A>(deadline)) {
        return BarrierResult::timed_out;
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

  // The first `count` available elements may be overwritten; what slot() gave is void. `ok`, or `evicted`: it was void
  // already. One release store; where others park also a barrier, and one system call when somebody waits for it.
  [[nodiscard]] ReadResult release(std::uint64_t count) noexcept {
    const auto before = sequencer_.position();
    const auto result = sequencer_.release(count);
    if (parks_ && result == ReadResult::ok) {
      wake_others(before, before + count);
    }
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

  // The producer does not wait for this reader any more. Everything that is not released is given up. Nothing else may
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
  // Reading may go on meanwhile.
  [[nodiscard]] Awaited auto next_awaited() const noexcept { return ElementsAwaited{*this, position() + 1}; }

  // Any thread: ends waits with `stopped`, until resume().
  void stop() noexcept { barrier_.stop<A>(); }
  void resume() noexcept { barrier_.resume(); }

  [[nodiscard]] std::uint64_t missed() const noexcept { return sequencer_.missed(); } // see ReaderSequencer
  [[nodiscard]] std::uint64_t incarnation() const noexcept { return sequencer_.incarnation(); }
  [[nodiscard]] std::uint64_t capacity() const noexcept { return mask_ + 1; }
  [[nodiscard]] ReaderSequencer<A>& sequencer() noexcept { return sequencer_; }
  [[nodiscard]] const BarrierOptions& options() const noexcept { return barrier_.options(); }

private:
  struct ElementsAwaited {
    const Reader& reader;
    std::uint64_t position; // what lies below it is awaited

    [[nodiscard]] bool is_over() const noexcept {
      return reader.sequencer_.is_there(position) || reader.is_over(position);
    }
    void announce() const noexcept { announce_wait<A>(reader.sequencer_.own().awaited_cursor, position); }
    void collect(BellList& bells) const noexcept {
      const auto& lines = reader.sequencer_.lines();
      bells.add<A>(lines.producer->bell);
      reader.sequencer_.followed().for_each([&](std::size_t line) { bells.add<A>(lines.readers[line].bell); });
    }
  };

  Reader(const RingMemory<T>& memory, const ReaderSequencer<A>& sequencer, const BarrierOptions& options)
      : sequencer_(sequencer), slots_(memory.slots.data()), mask_(memory.slots.size() - 1),
        parks_(options.waiting == Waiting::park), barrier_(options) {}

  // The element before `end` will never be published, or would be void.
  [[nodiscard]] bool is_over(std::uint64_t end) const noexcept {
    const auto* dead = barrier_.options().dead;
    const bool is_ended = sequencer_.is_closed() || (dead != nullptr && dead->observe<A>() != 0);
    return (is_ended && !sequencer_.is_published(end)) || sequencer_.is_evicted();
  }
  [[nodiscard]] ReadResult idle_result() noexcept {
    if (!is_over(position() + 1)) {
      return ReadResult::empty;
    }
    if (sequencer_.is_evicted()) {
      return ReadResult::evicted;
    }
    // What was published before the end is read first.
    return sequencer_.available_now() != 0 ? ReadResult::empty : ReadResult::detached;
  }
  void wake_others(std::uint64_t before, std::uint64_t after) noexcept {
    if (parks_ && sequencer_.is_awaited(before, after)) {
      ring_bell<A>(sequencer_.own().bell, barrier_.options().shared);
      count_in(barrier_.options().wakes);
    }
  }

  ReaderSequencer<A> sequencer_;
  const T* slots_;
  std::uint64_t mask_;
  bool parks_;
  Barrier barrier_;
};

} // namespace ringfleet::ring
