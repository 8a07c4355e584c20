#pragma once

// Blocks for one record after the other, from a ring with one producer. The window is what has been claimed of the ring
// and is not used yet; a claim is known to this process only, so giving up a record, or using less of it than was
// asked for, costs nothing: the next record begins where it would have begun.

#include "ringfleet/base/assert.hpp"
#include "ringfleet/base/clock.hpp"
#include "ringfleet/frame/record.hpp"
#include "ringfleet/ring/ring.hpp"

#include <cstdint>

namespace ringfleet::frame {

// One thread at a time. `P` is ring::Producer<FrameBlock>, or behaves like it; it must outlive this.
template <class P, class A = Atomics>
class ClaimWindow {
public:
  ClaimWindow(P& producer, std::uint64_t capacity) noexcept : producer_(producer), capacity_(capacity) {}

  // `count` blocks in a row in memory, from `first` on. Ends in finish() or in nothing at all. Never waits.
  [[nodiscard]] ring::ClaimResult reserve(std::uint64_t count, std::uint64_t& first) noexcept {
    return reserve_with(count, first, [this](std::uint64_t missing, std::uint64_t& begin) {
      return producer_.try_claim(missing, begin);
    });
  }
  // The same, and waits for the readers. What is staged becomes visible first.
  [[nodiscard]] ring::ClaimResult reserve_until(std::uint64_t count, std::uint64_t& first, MonotonicNs deadline) {
    flush();
    return reserve_with(count, first, [this, deadline](std::uint64_t missing, std::uint64_t& begin) {
      return producer_.claim(missing, begin, deadline);
    });
  }
  // `count` blocks that may run across the end of the ring.
  [[nodiscard]] ring::ClaimResult reserve_run(std::uint64_t count, std::uint64_t& first) noexcept {
    auto claim = [this](std::uint64_t missing, std::uint64_t& begin) { return producer_.try_claim(missing, begin); };
    if (is_started_ || extend(count, claim) == ring::ClaimResult::claimed) {
      if (extend(count, claim) == ring::ClaimResult::claimed) {
        first = next_;
        return ring::ClaimResult::claimed;
      }
    }
    flush();
    return ring::ClaimResult::full;
  }

  // The record of `used` blocks at `first`, the last one reserved, is complete. Visible after flush().
  void finish(std::uint64_t first, std::uint64_t /*reserved*/, std::uint64_t used) noexcept { next_ = first + used; }
  void cancel(std::uint64_t /*first*/, std::uint64_t /*reserved*/) noexcept {}

  // Makes all that is finished visible, by one store.
  void flush() noexcept {
    if (published_ != next_) {
      published_ = next_;
      producer_.publish(next_);
    }
  }

  [[nodiscard]] FrameBlock& block(std::uint64_t position) noexcept { return producer_.slot(position); }

private:
  template <class Claim>
  [[nodiscard]] ring::ClaimResult reserve_with(std::uint64_t count, std::uint64_t& first, Claim&& claim) {
    if (!is_started_ && extend(count, claim) != ring::ClaimResult::claimed) {
      return ring::ClaimResult::full;
    }
    const auto to_wrap = capacity_ - (next_ & (capacity_ - 1));
    const auto padding = count > to_wrap ? to_wrap : 0;
    if (extend(padding + count, claim) != ring::ClaimResult::claimed) {
      flush(); // what is staged may be what the readers wait for
      return ring::ClaimResult::full;
    }
    if (padding != 0) {
      store_header<A>(block(next_), {.length = static_cast<std::uint32_t>(padding * block_bytes - record_header_bytes),
                                     .kind = 0,
                                     .form = RecordForm::padding,
                                     .zero = 0,
                                     .position = next_});
      next_ += padding;
    }
    first = next_;
    return ring::ClaimResult::claimed;
  }

  // The window holds `count` blocks from next_ on. The first claim tells where the ring stands.
  template <class Claim>
  [[nodiscard]] ring::ClaimResult extend(std::uint64_t count, Claim&& claim) {
    if (is_started_ && count <= end_ - next_) {
      return ring::ClaimResult::claimed;
    }
    const auto missing = is_started_ ? count - (end_ - next_) : count;
    std::uint64_t first = 0;
    if (claim(missing, first) != ring::ClaimResult::claimed) {
      return ring::ClaimResult::full;
    }
    if (!is_started_) {
      is_started_ = true;
      next_ = end_ = published_ = first;
    }
    RINGFLEET_DEBUG_ASSERT(first == end_, "somebody else claims from the ring of a frame writer");
    end_ = first + missing;
    return ring::ClaimResult::claimed;
  }

  P& producer_;
  std::uint64_t capacity_;
  std::uint64_t next_ = 0; // where the next record begins
  std::uint64_t end_ = 0;  // of what is claimed
  std::uint64_t published_ = 0;
  bool is_started_ = false;
};

} // namespace ringfleet::frame
