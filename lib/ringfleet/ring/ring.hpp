#pragma once

// Layer 0: a ring of slots of T, one producer, reliable readers that each see every element. The memory is given: the
// producer's lines, one line for each reader, and the slots, in one segment or in several. Elements are written and
// read in place.
//
//   producer: claim → fill the slots → publish        reader: wait → read the slots → release
//
// A reader that does not release stops the producer (back-pressure). A dead reader does as well, until whoever knows
// that it is dead vacates its line.

#include "ringfleet/base/assert.hpp"
#include "ringfleet/base/clock.hpp"
#include "ringfleet/ring/barrier.hpp"
#include "ringfleet/ring/gate.hpp"
#include "ringfleet/ring/ring_layout.hpp"
#include "ringfleet/ring/sequencer.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>

namespace ringfleet::ring {

template <class T>
struct RingMemory {
  ProducerLines& producer;
  std::span<ReaderLines> readers; // at most barrier_sequences_max
  std::span<T> slots;             // a power of two
};

// Before anybody attaches: an empty ring that begins at `first_position`, without readers.
template <class T>
void format_ring(const RingMemory<T>& memory, std::uint64_t first_position = 0) noexcept {
  for (auto& reader : memory.readers) {
    reader.gate.publish(no_reader);
    Atomics::store_relaxed(reader.awaited_cursor, first_position);
  }
  Atomics::store_relaxed(memory.producer.awaited_gate, first_position);
  memory.producer.cursor.publish(first_position);
}

// For whoever has proof that the reader of this line is dead. Follow it by the obituary, so that a parked producer
// looks.
inline void vacate(ReaderLines& dead) noexcept {
  dead.gate.publish(no_reader);
}

// One thread of one process at a time. The memory must outlive it.
template <class T>
class Producer {
  static_assert(std::is_trivially_copyable_v<T>, "what lies in a ring has no constructor and no destructor");

public:
  explicit Producer(const RingMemory<T>& memory, const BarrierOptions& options = {})
      : memory_(memory), sequencer_(memory.producer, memory.readers, memory.slots.size()),
        barrier_(memory.producer.awaited_gate, options), options_(options) {}

  // Never waits. After `claimed`, slot(first) … slot(first + count - 1) are the caller's to fill.
  [[nodiscard]] ClaimResult try_claim(std::uint64_t count, std::uint64_t& first) noexcept {
    return sequencer_.try_claim(count, first);
  }
  // Waits for the slowest reader. `full` at the deadline, or when the obituary changed: look who is dead, try again.
  [[nodiscard]] ClaimResult claim(std::uint64_t count, std::uint64_t& first, MonotonicNs deadline) {
    RINGFLEET_ASSERT(sequencer_.claimed() - sequencer_.published() + count <= memory_.slots.size(),
                     "a claim that waits for what its own thread has not published yet");
    auto result = sequencer_.try_claim(count, first);
    while (result == ClaimResult::full) {
      const auto reached = barrier_.wait(
          sequencer_.gate_needed(count), memory_.readers.size(),
          [&](std::size_t i) -> const Sequence& { return memory_.readers[i].gate; }, deadline);
      result = sequencer_.try_claim(count, first);
      if (reached != BarrierResult::reached) {
        break;
      }
    }
    return result;
  }

  [[nodiscard]] T& slot(std::uint64_t position) noexcept {
    return memory_.slots[position & (memory_.slots.size() - 1)];
  }

  // Everything below `position` becomes visible. One release store; where readers may park also a barrier, and a wake
  // for those that wait for it.
  void publish(std::uint64_t position) noexcept {
    const auto before = sequencer_.publish(position);
    if (options_.waiting == Waiting::park) {
      wakes_ += wake_waiters(
          memory_.producer.cursor, before, position, memory_.readers.size(),
          [&](std::size_t i) -> const std::uint64_t& { return memory_.readers[i].awaited_cursor; }, options_.shared);
    }
  }

  // Claims one slot, copies, publishes.
  [[nodiscard]] ClaimResult try_push(const T& value) noexcept {
    std::uint64_t position = 0;
    const auto result = try_claim(1, position);
    if (result == ClaimResult::claimed) {
      slot(position) = value;
      publish(position + 1);
    }
    return result;
  }

  // System calls made to wake readers.
  [[nodiscard]] std::uint64_t wakes() const noexcept { return wakes_; }

private:
  RingMemory<T> memory_;
  SingleProducerSequencer<> sequencer_;
  Barrier barrier_;
  BarrierOptions options_;
  std::uint64_t wakes_ = 0;
};

// One thread of one process at a time. The memory must outlive it.
template <class T>
class Reader {
public:
  // Joins at latest, on a line that nobody else uses. Empty when it is taken.
  [[nodiscard]] static std::optional<Reader> join(const RingMemory<T>& memory, std::size_t line,
                                                  const BarrierOptions& options = {}) {
    Gate<> gate(memory.readers[line]);
    if (!gate.join_latest(memory.producer.cursor)) {
      return std::nullopt;
    }
    Reader reader(memory, gate, options);
    reader.wake_producer(gate.first_shown(), gate.position());
    return reader;
  }

  // How many elements can be read now, from position() on. Never waits; one load when the last answer is used up.
  [[nodiscard]] std::uint64_t available() noexcept {
    if (seen_ == gate_.position()) {
      seen_ = memory_.producer.cursor.observe();
    }
    return seen_ - gate_.position();
  }
  // Waits until `count` elements can be read.
  [[nodiscard]] BarrierResult wait(std::uint64_t count, MonotonicNs deadline) {
    Barrier barrier(gate_.line().awaited_cursor, options_);
    const auto result = barrier.wait(
        gate_.position() + count, 1, [&](std::size_t) -> const Sequence& { return memory_.producer.cursor; }, deadline);
    seen_ = memory_.producer.cursor.observe();
    return result;
  }

  // `position` < position() + available(). Valid until it is released.
  [[nodiscard]] const T& slot(std::uint64_t position) const noexcept {
    return memory_.slots[position & (memory_.slots.size() - 1)];
  }
  [[nodiscard]] std::uint64_t position() const noexcept { return gate_.position(); }

  // The first `count` available elements may be overwritten; what slot() gave is void.
  void release(std::uint64_t count) noexcept {
    const auto before = gate_.position();
    gate_.advance(before + count);
    wake_producer(before, before + count);
  }
  // Everything that is not released is given up. Nothing else may be called afterwards.
  void leave() noexcept {
    gate_.leave();
    if (options_.waiting == Waiting::park) {
      os::futex_wake(futex_half(gate_.line().gate.value), os::wake_all, options_.shared);
    }
  }

private:
  Reader(const RingMemory<T>& memory, const Gate<>& gate, const BarrierOptions& options)
      : memory_(memory), gate_(gate), options_(options), seen_(gate.position()) {}

  void wake_producer(std::uint64_t before, std::uint64_t after) noexcept {
    if (options_.waiting == Waiting::park) {
      wake_waiters(
          gate_.line().gate, before, after, 1,
          [&](std::size_t) -> const std::uint64_t& { return memory_.producer.awaited_gate; }, options_.shared);
    }
  }

  RingMemory<T> memory_;
  Gate<> gate_;
  BarrierOptions options_;
  std::uint64_t seen_;
};

} // namespace ringfleet::ring
