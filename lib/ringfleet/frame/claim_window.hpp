#pragma once

// Blocks for one record after the other, from a ring with one producer. The window is what has been claimed of the ring
// and is not used yet; a claim is known to this process only, so giving up a record, or using less of it than was
// asked for, costs nothing: the next record begins where it would have begun.

#include "ringfleet/base/assert.hpp"
#include "ringfleet/base/clock.hpp"
#include "ringfleet/frame/block_guard.hpp"
#include "ringfleet/frame/record.hpp"
#include "ringfleet/ring/gate.hpp"
#include "ringfleet/ring/producer.hpp"

#include <cstdint>

namespace ringfleet::frame {

// One thread at a time. `P` is ring::Producer<FrameBlock>, or behaves like it; it must outlive this.
template <class P, class A = Atomics>
class ClaimWindow {
public:
  explicit ClaimWindow(P& producer, bool sole_user = false) noexcept
      : producer_(producer), capacity_(producer.capacity()), next_(producer.claimed()), end_(next_),
        published_(producer.published()), guard_(&producer.slot(0), capacity_, sole_user) {}

  // `count` blocks in a row in memory, from `first` on. Ends in finish(), cancel() or in nothing at all. Never waits.
  [[nodiscard]] ring::ClaimResult reserve(std::uint64_t count, std::uint64_t& first) noexcept {
    const auto padding = padding_for(count);
    const auto result = extend(padding + count, [this](std::uint64_t missing, std::uint64_t& begin) {
      return producer_.try_claim(missing, begin);
    });
    if (result != ring::ClaimResult::claimed) [[unlikely]] {
      flush(); // what is staged may be what the readers wait for
      return result;
    }
    pad(padding);
    first = next_;
    guard_.show(first, count);
    return result;
  }
  // The same, and waits for the readers. What is staged becomes visible first.
  [[nodiscard]] ring::ClaimResult reserve_until(std::uint64_t count, std::uint64_t& first, MonotonicNs deadline) {
    flush();
    const auto padding = padding_for(count);
    const auto result = extend(padding + count, [this, deadline](std::uint64_t missing, std::uint64_t& begin) {
      return producer_.claim(missing, begin, deadline);
    });
    if (result == ring::ClaimResult::claimed) {
      pad(padding);
      first = next_;
      guard_.show(first, count);
    }
    return result;
  }
  // `count` blocks that may run across the end of the ring; at most run_max().
  [[nodiscard]] ring::ClaimResult reserve_run(std::uint64_t count, std::uint64_t& first) noexcept {
    const auto result = extend(
        count, [this](std::uint64_t missing, std::uint64_t& begin) { return producer_.try_claim(missing, begin); });
    if (result != ring::ClaimResult::claimed) {
      flush();
    } else {
      guard_.show(next_, count);
    }
    first = next_;
    return result;
  }
  [[nodiscard]] std::uint64_t run_max() const noexcept { return capacity_; }

  // The records from `first` on, which was reserved last, are complete up to first + used. Visible after flush().
  void finish(std::uint64_t first, std::uint64_t reserved, std::uint64_t used) noexcept {
    next_ = first + used;
    guard_.hide(first, reserved);
  }
  void cancel(std::uint64_t first, std::uint64_t reserved) noexcept { guard_.hide(first, reserved); }
  // Of what was reserved last, only the first bytes are for the user.
  void give(std::uint64_t first, std::uint64_t reserved, std::uint64_t bytes) noexcept {
    guard_.show_bytes(first, reserved, bytes);
  }

  // Makes all that is finished visible, by one store.
  void flush() noexcept {
    if (published_ != next_) {
      published_ = next_;
      producer_.publish(next_);
    }
  }

  void end_guard() noexcept { guard_.end(); }

  [[nodiscard]] FrameBlock& block(std::uint64_t position) noexcept { return producer_.slot(position); }
  [[nodiscard]] std::uint64_t published() const noexcept { return published_; }

  // Below this, every reader that gates has read everything.
  [[nodiscard]] std::uint64_t slowest_gate() noexcept {
    auto& sequencer = producer_.sequencer();
    const auto& lines = sequencer.lines();
    sequencer.refresh();
    ring::SlowestGate slowest(published_, capacity_);
    for (const auto line : sequencer.active()) {
      const auto& reader = lines.readers[line];
      const auto gate = reader.gate.template observe<A>();
      if (ring::is_gating(gate) && slowest.is_slower(gate) && !ring::is_evicted<A>(lines.evicted[line], reader)) {
        slowest.add(gate);
      }
    }
    return slowest.position();
  }

private:
  // Blocks to be skipped so that `count` lie in a row.
  [[nodiscard]] std::uint64_t padding_for(std::uint64_t count) const noexcept {
    const auto to_wrap = capacity_ - (next_ & (capacity_ - 1));
    return count > to_wrap ? to_wrap : 0;
  }
  void pad(std::uint64_t blocks) noexcept {
    if (blocks != 0) {
      guard_.show(next_, 1);
      store_header<A>(block(next_), padding_header(next_, blocks));
      guard_.hide(next_, 1);
      next_ += blocks;
    }
  }

  // The window holds `count` blocks from next_ on.
  template <class Claim>
  [[nodiscard]] ring::ClaimResult extend(std::uint64_t count, Claim&& claim) {
    if (count <= end_ - next_) {
      return ring::ClaimResult::claimed;
    }
    const auto missing = count - (end_ - next_);
    std::uint64_t first = 0;
    const auto result = claim(missing, first);
    if (result == ring::ClaimResult::claimed) [[likely]] {
      RINGFLEET_DEBUG_ASSERT(first == end_, "somebody else claims from the ring of a frame writer");
      end_ = first + missing;
    }
    return result;
  }

  P& producer_;
  std::uint64_t capacity_;
  std::uint64_t next_; // where the next record begins
  std::uint64_t end_;  // of what is claimed
  std::uint64_t published_;
  BlockGuard guard_;
};

} // namespace ringfleet::frame
