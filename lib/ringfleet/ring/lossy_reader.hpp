#pragma once

// The handle of a lossy reader of a ring of T, with one producer or with many: it never holds anybody back, gets copies
// that were proven intact, and is told exactly how much it missed.

#include "ringfleet/base/clock.hpp"
#include "ringfleet/ring/barrier.hpp"
#include "ringfleet/ring/lossy_sequencer.hpp"
#include "ringfleet/ring/ring_memory.hpp"
#include "ringfleet/ring/shared_lossy_sequencer.hpp"
#include "ringfleet/ring/shared_ring.hpp"
#include "ringfleet/ring/word_copy.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

namespace ringfleet::ring {

struct Copied {
  ReadResult result;
  std::uint64_t count; // ok: elements copied; lapped: elements lost, reading goes on behind them
};

// One thread of one process at a time; stop() from any thread. The memory must outlive it. Leaves when it ends. Its
// death harms nobody.
template <WordCopyable T, class A, class Memory, class Sequencer>
class BasicLossyReader {
public:
  // Takes a line that nobody else uses. Empty when it is taken, or when the position lies in the future.
  [[nodiscard]] static std::optional<BasicLossyReader>
  join(const Memory& memory, std::size_t line, const LossyOptions& lossy = {}, const BarrierOptions& options = {}) {
    return made_of(memory, Sequencer::join(memory.lines(), line, lossy), options);
  }
  // Without a line: unseen and unlimited in number, reads a read-only mapping, but never parks: wait() spins.
  [[nodiscard]] static std::optional<BasicLossyReader> watch(const Memory& memory, const LossyOptions& lossy = {},
                                                             BarrierOptions options = {}) {
    options.waiting = Waiting::spin;
    return made_of(memory, Sequencer::watch(memory.lines(), lossy), options);
  }
  BasicLossyReader(BasicLossyReader&& other) noexcept
      : sequencer_(other.sequencer_), slots_(std::exchange(other.slots_, nullptr)), mask_(other.mask_),
        barrier_(std::move(other.barrier_)) {}
  BasicLossyReader& operator=(BasicLossyReader&& other) noexcept {
    BasicLossyReader moved(std::move(other));
    std::swap(sequencer_, moved.sequencer_);
    std::swap(slots_, moved.slots_);
    std::swap(mask_, moved.mask_);
    std::swap(barrier_, moved.barrier_);
    return *this;
  }
  ~BasicLossyReader() { leave(); }

  // Copies what is there, at most copies.size() elements; they end at position(). Never waits, no system call. `ok`,
  // `empty`, `lapped` (nothing was copied), `detached`. Of a ring with many producers aborted claims are skipped first,
  // and what they had between two pieces that are there ends the copy.
  [[nodiscard]] Copied read(std::span<T> copies) noexcept {
    const auto published = sequencer_.published();
    if (published == 0) {
      return {idle_result(), 0};
    }
    // When more than the ring holds is published, the first is gone: the check says so.
    const auto count = std::min<std::uint64_t>({published, copies.size(), mask_ + 1});
    for (std::uint64_t i = 0; i < count; ++i) {
      copies[i] = load_words<A>(slots_[(position() + i) & mask_]);
    }
    if (!sequencer_.check()) [[unlikely]] {
      return {ReadResult::lapped, sequencer_.resume()};
    }
    sequencer_.advance(count);
    return {ReadResult::ok, count};
  }
  [[nodiscard]] ReadResult read(T& copy) noexcept { return read(std::span(&copy, 1)).result; }
  // handler(const T&) for each element that is there, at most `max`, and at most as many as are copied at once. The
  // copies live inside the handler.
  template <class Handler>
  [[nodiscard]] Copied poll(Handler&& handler, std::uint64_t max = ~std::uint64_t{0}) {
    std::array<T, std::max<std::size_t>(1, copied_bytes / sizeof(T))> copies;
    const auto copied = read(std::span(copies).first(std::min<std::uint64_t>(max, copies.size())));
    if (copied.result == ReadResult::ok) {
      for (std::uint64_t i = 0; i < copied.count; ++i) {
        handler(static_cast<const T&>(copies[i]));
      }
    }
    return copied;
  }

  // Waits until there is something to read. `detached`: nothing is left, and nothing more will come.
  [[nodiscard]] BarrierResult wait(MonotonicNs deadline) {
    for (;;) {
      const auto result = barrier_.wait<A>(next_awaited(), deadline);
      if (result != BarrierResult::reached || sequencer_.published() != 0) {
        return result;
      }
      if (is_over() && sequencer_.published() == 0) {
        return BarrierResult::detached;
      }
      if (barrier_.is_past<A>(deadline)) {
        return BarrierResult::timed_out;
      }
    }
  }

  // Nothing else may be called afterwards; more than once is fine.
  void leave() noexcept {
    if (std::exchange(slots_, nullptr) != nullptr) {
      sequencer_.leave();
    }
  }
  // What wait() waits for: for waits over several readers (fan_in.hpp), or by another thread (event_reader.hpp).
  // Reading may go on meanwhile.
  [[nodiscard]] Awaited auto next_awaited() noexcept {
    const bool is_there = sequencer_.published() != 0;
    return ElementAwaited{*this, sequencer_.seen(), is_there};
  }

  // Any thread: ends waits with `stopped`, until resume().
  void stop() noexcept { barrier_.stop<A>(); }
  void resume() noexcept { barrier_.resume(); }

  [[nodiscard]] std::uint64_t position() const noexcept { return sequencer_.position(); }
  [[nodiscard]] std::uint64_t capacity() const noexcept { return mask_ + 1; }
  // How many elements were skipped, and how often.
  [[nodiscard]] std::uint64_t lost() const noexcept { return sequencer_.lost(); }
  [[nodiscard]] std::uint64_t laps() const noexcept { return sequencer_.laps(); }
  [[nodiscard]] const BarrierOptions& options() const noexcept { return barrier_.options(); }

private:
  static constexpr std::size_t copied_bytes = 2048; // stays in the first cache beside what the handler touches

  struct ElementAwaited {
    const BasicLossyReader& reader;
    std::uint64_t position;
    bool is_there; // something can be read before it

    [[nodiscard]] bool is_over() const noexcept {
      return is_there || reader.sequencer_.is_there(position) || reader.is_over();
    }
    void announce() const noexcept { announce_wait<A>(reader.sequencer_.own()->awaited_cursor, position + 1); }
    void collect(BellList& bells) const noexcept { bells.add<A>(reader.sequencer_.bell()); }
  };

  BasicLossyReader(const Memory& memory, const Sequencer& sequencer, const BarrierOptions& options)
      : sequencer_(sequencer), slots_(memory.slots.data()), mask_(memory.slots.size() - 1), barrier_(options) {}

  [[nodiscard]] static std::optional<BasicLossyReader>
  made_of(const Memory& memory, const std::optional<Sequencer>& sequencer, const BarrierOptions& options) {
    if (!sequencer) {
      return std::nullopt;
    }
    return BasicLossyReader(memory, *sequencer, options);
  }
  [[nodiscard]] bool is_over() const noexcept {
    const auto* dead = barrier_.options().dead;
    return sequencer_.is_closed() || (dead != nullptr && dead->observe<A>() != 0);
  }
  [[nodiscard]] ReadResult idle_result() noexcept {
    // What was published before the end is read first.
    return is_over() && sequencer_.published() == 0 ? ReadResult::detached : ReadResult::empty;
  }

  Sequencer sequencer_;
  const T* slots_;
  std::uint64_t mask_;
  Barrier barrier_;
};

template <WordCopyable T, class A = Atomics>
using LossyReader = BasicLossyReader<T, A, RingMemory<T>, LossySequencer<A>>;
template <WordCopyable T, class A = Atomics>
using SharedLossyReader = BasicLossyReader<T, A, SharedRingMemory<T>, SharedLossySequencer<A>>;

} // namespace ringfleet::ring
