#pragma once

// Waiting for what others publish: climb the ladder, then park on the bells of those who have yet to come. The
// condition is a parameter, so that readers, producers, stages and fan-in wait in one way. And the other half: waking
// whoever waits for a sequence that has just been published.

#include "ringfleet/base/clock.hpp"
#include "ringfleet/base/process_word.hpp"
#include "ringfleet/memory/obituary.hpp"
#include "ringfleet/ring/bell.hpp"
#include "ringfleet/ring/parking.hpp"
#include "ringfleet/ring/stop_word.hpp"
#include "ringfleet/ring/wait_ladder.hpp"

#include <concepts>
#include <cstdint>
#include <memory>

namespace ringfleet::ring {

enum class Waiting : std::uint8_t {
  spin, // nobody parks: publishing is the bare release store
  park
};

enum class BarrierResult : std::uint8_t {
  reached,
  timed_out,
  stopped,  // stop() was called
  detached, // the producer has closed the ring or is dead, and everything it had published was read
  evicted   // the producer does not wait for this reader any more: what it read since its last release is void
};

// Both sides of one ring say the same.
struct BarrierOptions {
  Waiting waiting = Waiting::park;
  const memory::Obituary* obituary = nullptr;       // none: the peers are threads of this process
  const ProcessWord<std::uint32_t>* dead = nullptr; // not 0: the producer is dead. Set before the obituary changes.
  bool shared = true;                               // false: every peer is a thread of this process
  // Words of the thread that waits, in which it counts: how often it slept, and how often it woke a peer that slept.
  // One system call each.
  std::uint64_t* parks = nullptr;
  std::uint64_t* wakes = nullptr;
};

inline void count_in(std::uint64_t* word) noexcept {
  if (word != nullptr) {
    Atomics::store_relaxed(*word, Atomics::load_relaxed(*word) + 1); // others may read it at any time
  }
}

// What a thread waits for. `is_over` is looked at again and again; `announce` stores the flags and ends with the
// barrier of announce_wait; `collect` takes the bells that ring when something changes, before the last look.
template <class W>
concept Awaited = requires(W& awaited, BellList& bells) {
  { awaited.is_over() } -> std::convertible_to<bool>;
  awaited.announce();
  awaited.collect(bells);
};

// One thread at a time waits; any thread stops it.
class Barrier {
public:
  explicit Barrier(const BarrierOptions& options)
      : options_(options), ladder_(ladder_for_this_process()), stop_(std::make_unique<StopWord>()) {}

  // Blocks until it is over (`reached`), the deadline, or stop(), which goes before the others. A death is noticed by
  // is_over(): whoever proves it marks it, then changes the obituary.
  template <class A = Atomics, Awaited W>
  [[nodiscard]] BarrierResult wait(W&& awaited, MonotonicNs deadline) {
    for (;;) {
      const auto obituary_seen = obituary_value<A>();
      if (ladder_.climb<A>([&] { return stop_->is_requested<A>() || awaited.is_over(); })) {
        return stop_->is_requested<A>() ? BarrierResult::stopped : BarrierResult::reached;
      }
      const auto now = os::Host<A>::now();
      if (now >= deadline) {
        return BarrierResult::timed_out;
      }
      if (options_.waiting == Waiting::spin) {
        continue;
      }
      BellList bells(options_.shared);
      awaited.collect(bells);
      awaited.announce();
      if (!awaited.is_over()) {
        add_own_words(bells, obituary_seen);
        count_in(options_.parks);
        os::Host<A>::park(bells.words(), deadline); // whatever ends it, we look again
        ladder_.parked_for(os::Host<A>::now() - now);
      }
    }
  }

  // For who waits again because the peer has taken back what ended the wait: a peer that does so all the time must not
  // keep it here beyond its deadline. Look once more, then give up.
  template <class A = Atomics>
  [[nodiscard]] static bool is_past(MonotonicNs deadline) noexcept {
    return deadline != never && os::Host<A>::now() >= deadline;
  }

  // Any thread, as long as this object lives. Every wait, now and later, ends with `stopped`, until resume().
  template <class A = Atomics>
  void stop() noexcept {
    stop_->request<A>();
  }
  void resume() noexcept { stop_->clear(); }

  // Not while somebody waits.
  void set_waiting(Waiting waiting) noexcept { options_.waiting = waiting; }
  [[nodiscard]] const BarrierOptions& options() const noexcept { return options_; }

private:
  template <class A>
  [[nodiscard]] std::uint32_t obituary_value() const noexcept {
    return options_.obituary != nullptr ? options_.obituary->value<A>() : 0;
  }
  // What ends every wait, whoever the peer is.
  void add_own_words(BellList& bells, std::uint32_t obituary_seen) const noexcept {
    bells.add(stop_->park_word());
    if (options_.obituary != nullptr) {
      bells.add(options_.obituary->park_word(obituary_seen));
    }
  }

  BarrierOptions options_;
  AdaptiveLadder<> ladder_;
  std::unique_ptr<StopWord> stop_;
};

// Publisher, after it moved a sequence from `before` to `after`, once for a batch: does anybody wait for any of it?
// `flag_at(i)` gives the i-th of `count` flags. If so, ring the bell.
template <class A = Atomics, class FlagAt>
[[nodiscard]] bool is_any_awaited(std::uint64_t before, std::uint64_t after, std::size_t count,
                                  FlagAt&& flag_at) noexcept {
  A::step("parking.published");
  // SYNC ring.parking: barrier, then loads; pairs with the barrier in announce_wait.
  A::store_load_barrier();
  for (std::size_t i = 0; i < count; ++i) {
    if (is_awaited_behind_barrier<A>(flag_at(i), before, after)) {
      return true;
    }
  }
  return false;
}

} // namespace ringfleet::ring
