#pragma once

// Waiting until several sequences have come to a position: a reader waits for the cursor, a producer for the gates of
// its readers, a stage of a pipeline for the gates of the stages before it. And the other half: waking whoever waits
// for a sequence that has just been published.

#include "ringfleet/base/atomics.hpp"
#include "ringfleet/base/clock.hpp"
#include "ringfleet/base/limits.hpp"
#include "ringfleet/memory/obituary.hpp"
#include "ringfleet/os/futex.hpp"
#include "ringfleet/ring/parking.hpp"
#include "ringfleet/ring/ring_layout.hpp"
#include "ringfleet/ring/wait_ladder.hpp"

#include <array>
#include <cstdint>
#include <span>

namespace ringfleet::ring {

enum class Waiting : std::uint8_t {
  spin, // nobody parks: publishing is the bare release store
  park
};

enum class BarrierResult : std::uint8_t {
  reached,
  timed_out,
  peer_died // the obituary changed while we waited: find out who it was
};

struct BarrierOptions {
  Waiting waiting = Waiting::park;
  const memory::Obituary* obituary = nullptr; // none: the peers are threads of this process
  bool shared = true;                         // false: every peer is a thread of this process
};

inline constexpr std::size_t barrier_sequences_max = limits::futex_words_max - 1;

// One thread at a time waits. Gates that hold `no_reader` hold nothing back.
class Barrier {
public:
  // `flag` lies in the waiter's memory, in the sight of those who publish the sequences. All must outlive it.
  Barrier(std::uint64_t& flag, const BarrierOptions& options)
      : flag_(flag), options_(options), ladder_(ladder_for_this_process()) {}

  // Blocks until every sequence is at or past `position`. At most barrier_sequences_max sequences may be behind.
  // `sequence_at(i)` gives the i-th of `count`.
  template <class SequenceAt>
  [[nodiscard]] BarrierResult wait(std::uint64_t position, std::size_t count, SequenceAt&& sequence_at,
                                   MonotonicNs deadline) {
    auto is_reached = [&] {
      for (std::size_t i = 0; i < count; ++i) {
        if (is_behind(sequence_at(i).observe(), position)) {
          return false;
        }
      }
      return true;
    };
    const auto obituary_seen = obituary_value();
    for (;;) {
      if (ladder_.climb(is_reached)) {
        return BarrierResult::reached;
      }
      const auto now = monotonic_now();
      if (now >= deadline) {
        return BarrierResult::timed_out;
      }
      if (obituary_value() != obituary_seen) {
        return is_reached() ? BarrierResult::reached : BarrierResult::peer_died;
      }
      if (options_.waiting == Waiting::spin) {
        continue;
      }
      announce_wait(flag_, position);
      bool may_sleep = true;
      std::array<os::FutexWord, limits::futex_words_max> words;
      std::size_t behind = 0;
      for (std::size_t i = 0; i < count && behind < barrier_sequences_max; ++i) {
        const auto& word = sequence_at(i).value;
        const auto value = Atomics::load_acquire(word);
        if (is_behind(value, position)) {
          // In the half that a futex compares, this position looks like `no_reader`: a leave would go unnoticed.
          may_sleep = may_sleep && futex_half(value) != futex_half(no_reader);
          words[behind++] = {&futex_half(word), static_cast<std::uint32_t>(value), options_.shared};
        }
      }
      if (behind != 0 && may_sleep) {
        park(std::span(words), behind, obituary_seen, deadline);
        ladder_.parked_for(monotonic_now() - now);
      }
    }
  }

private:
  [[nodiscard]] static bool is_behind(std::uint64_t value, std::uint64_t position) noexcept {
    return value != no_reader && is_before(value, position);
  }
  [[nodiscard]] std::uint32_t obituary_value() const noexcept {
    return options_.obituary != nullptr ? options_.obituary->value() : 0;
  }
  void park(std::span<os::FutexWord> words, std::size_t behind, std::uint32_t obituary_seen, MonotonicNs deadline);

  std::uint64_t& flag_;
  BarrierOptions options_;
  AdaptiveLadder ladder_;
};

// Publisher, after it moved `sequence` from `before` to `after`, once for a batch: wakes whoever waits for any of it.
// `flag_at(i)` gives the i-th of `count` flags. Enters the kernel at most once, and not when nobody waits for it.
// Returns whether it did.
template <class FlagAt>
bool wake_waiters(const Sequence& sequence, std::uint64_t before, std::uint64_t after, std::size_t count,
                  FlagAt&& flag_at, bool shared) noexcept {
  bool awaited = false;
  // SYNC ring.parking: barrier, then loads; pairs with the barrier in announce_wait.
  Atomics::store_load_barrier();
  for (std::size_t i = 0; i < count; ++i) {
    awaited = awaited || is_awaited_behind_barrier(flag_at(i), before, after);
  }
  if (awaited) {
    os::futex_wake(futex_half(sequence.value), os::wake_all, shared);
  }
  return awaited;
}

} // namespace ringfleet::ring
