#pragma once

// The positions of a ring with one producer: claiming is arithmetic against a cached limit, publishing one release
// store for a whole batch. It knows nothing of slots, so rings of slots and rings of blocks use it alike; and nothing
// in it waits.

#include "ringfleet/base/assert.hpp"
#include "ringfleet/base/atomics.hpp"
#include "ringfleet/base/bits.hpp"
#include "ringfleet/ring/gate.hpp"
#include "ringfleet/ring/ring_layout.hpp"

#include <cstdint>
#include <span>

namespace ringfleet::ring {

enum class ClaimResult : std::uint8_t {
  claimed,
  full // the slowest reader is a capacity behind
};

// One thread at a time. The lines must outlive it.
template <class A = Atomics>
class SingleProducerSequencer {
public:
  // Continues at the cursor that `lines` hold. `capacity` is a power of two.
  SingleProducerSequencer(ProducerLines& lines, std::span<const ReaderLines> readers, std::uint64_t capacity) noexcept
      : lines_(lines), readers_(readers), capacity_(capacity), claimed_(lines.cursor.template peek_relaxed<A>()),
        published_(claimed_), limit_(claimed_) {
    RINGFLEET_ASSERT(is_power_of_two(capacity), "the capacity of a ring is a power of two");
  }

  // `count` positions from `first` on, to be filled and published in this order. Looks at the readers only when the
  // limit from the last look is used up. `count` <= capacity.
  [[nodiscard]] ClaimResult try_claim(std::uint64_t count, std::uint64_t& first) noexcept {
    RINGFLEET_DEBUG_ASSERT(count <= capacity_, "a claim larger than the ring can never succeed");
    if (!has_room(count)) {
      limit_ = minimum_gate<A>(readers_, published_) + capacity_;
      if (!has_room(count)) {
        return ClaimResult::full;
      }
    }
    first = claimed_;
    claimed_ += count;
    return ClaimResult::claimed;
  }

  // Readers see everything below `position`, which has been claimed. Returns what was published before.
  std::uint64_t publish(std::uint64_t position) noexcept {
    RINGFLEET_DEBUG_ASSERT(!is_before(claimed_, position), "a position is published that was never claimed");
    const auto before = published_;
    published_ = position;
    A::step("ring.filled");
    lines_.cursor.template publish<A>(position);
    return before;
  }

  // Where the slowest reader must have come for a claim of `count` to succeed.
  [[nodiscard]] std::uint64_t gate_needed(std::uint64_t count) const noexcept { return claimed_ + count - capacity_; }
  [[nodiscard]] std::uint64_t claimed() const noexcept { return claimed_; }
  [[nodiscard]] std::uint64_t published() const noexcept { return published_; }
  [[nodiscard]] std::uint64_t capacity() const noexcept { return capacity_; }

private:
  // The limit may lie behind: a newcomer that was stopped while it joined shows an old gate at first.
  [[nodiscard]] bool has_room(std::uint64_t count) const noexcept { return !is_before(limit_, claimed_ + count); }

  ProducerLines& lines_;
  std::span<const ReaderLines> readers_;
  std::uint64_t capacity_;
  std::uint64_t claimed_;
  std::uint64_t published_;
  std::uint64_t limit_;
};

} // namespace ringfleet::ring
