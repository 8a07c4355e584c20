#pragma once

// Blocks for one record after the other, from a ring with many producers. Here a claim is seen by everybody: what a
// record does not use of it becomes padding, and a claim is published or aborted at once, because the others' records
// behind it are not read before.

#include "ringfleet/base/clock.hpp"
#include "ringfleet/frame/block_guard.hpp"
#include "ringfleet/frame/record.hpp"
#include "ringfleet/ring/gate.hpp"
#include "ringfleet/ring/sequencer.hpp"
#include "ringfleet/ring/shared_claims.hpp"

#include <algorithm>
#include <cstdint>

namespace ringfleet::frame {

// One thread at a time. `P` is ring::SharedProducer<FrameBlock>; it must outlive this. The same functions as
// ClaimWindow.
template <class P, class A = Atomics>
class SharedClaim {
public:
  explicit SharedClaim(P& producer, bool sole_user = false) noexcept
      : producer_(producer), capacity_(producer.capacity()),
        published_(ring::latest_claim<A>(producer.sequencer().lines()).end()),
        guard_(&producer.slot(0), capacity_, sole_user) {}

  [[nodiscard]] ring::ClaimResult reserve(std::uint64_t count, std::uint64_t& first) noexcept {
    return shown(producer_.try_claim_contiguous(count, first), first, count);
  }
  [[nodiscard]] ring::ClaimResult reserve_until(std::uint64_t count, std::uint64_t& first, MonotonicNs deadline) {
    for (;;) {
      auto result = producer_.try_claim_contiguous(count, first);
      if (result == ring::ClaimResult::full) {
        result = producer_.claim(count, first, deadline);
        if (result == ring::ClaimResult::claimed && count > to_wrap(first)) {
          // It runs across the end of the ring; the next one begins behind that.
          producer_.abort(first, count);
          continue;
        }
      }
      return shown(result, first, count);
    }
  }
  [[nodiscard]] ring::ClaimResult reserve_run(std::uint64_t count, std::uint64_t& first) noexcept {
    return shown(producer_.try_claim(count, first), first, count);
  }
  [[nodiscard]] std::uint64_t run_max() const noexcept { return std::min(capacity_, producer_.largest_claim()); }

  void finish(std::uint64_t first, std::uint64_t reserved, std::uint64_t used) noexcept {
    for (auto position = first + used; position != first + reserved;) {
      const auto blocks = std::min(first + reserved - position, to_wrap(position));
      guard_.show(position, 1);
      store_header<A>(block(position), padding_header(position, blocks));
      position += blocks;
    }
    published_ = first + reserved;
    guard_.hide(first, reserved);
    producer_.publish(first, reserved);
  }
  void cancel(std::uint64_t first, std::uint64_t reserved) noexcept {
    guard_.hide(first, reserved);
    producer_.abort(first, reserved);
  }
  void give(std::uint64_t first, std::uint64_t reserved, std::uint64_t bytes) noexcept {
    guard_.show_bytes(first, reserved, bytes);
  }
  void flush() noexcept {}
  void end_guard() noexcept { guard_.end(); }

  [[nodiscard]] FrameBlock& block(std::uint64_t position) noexcept { return producer_.slot(position); }
  [[nodiscard]] std::uint64_t published() const noexcept { return published_; }

  // Of what this writer has published; the gate of a reader may lie before the claim that it is reading.
  [[nodiscard]] std::uint64_t slowest_gate() noexcept {
    const auto& lines = producer_.sequencer().lines();
    ring::SlowestGate slowest(published_, capacity_);
    for (std::size_t line = 0; line < lines.readers.size(); ++line) {
      const auto& reader = lines.readers[line];
      const auto gate = reader.gate.template observe<A>();
      if (ring::is_gating(gate) && slowest.is_slower(gate) && !ring::is_evicted<A>(lines.evicted[line], reader)) {
        slowest.add(gate);
      }
    }
    return slowest.position();
  }

private:
  [[nodiscard]] ring::ClaimResult shown(ring::ClaimResult result, const std::uint64_t& first,
                                        std::uint64_t count) const noexcept {
    if (result == ring::ClaimResult::claimed) [[likely]] {
      guard_.show(first, count);
    }
    return result;
  }
  [[nodiscard]] std::uint64_t to_wrap(std::uint64_t position) const noexcept {
    return capacity_ - (position & (capacity_ - 1));
  }

  P& producer_;
  std::uint64_t capacity_;
  std::uint64_t published_; // end of this writer's last claim, at first of anybody's
  BlockGuard guard_;
};

} // namespace ringfleet::frame
