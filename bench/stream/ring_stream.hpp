#pragma once

// A stream of messages through a ring of slots, from one producer to one reader.

#include "stream/message.hpp"
#include "stream/stream.hpp"

#include "ringfleet/base/clock.hpp"
#include "ringfleet/base/error.hpp"
#include "ringfleet/ring/ring.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace ringfleet::bench {

// Of the slots of every ring and queue that streams are measured on: they fit the second cache of one core.
inline constexpr std::size_t stream_ring_bytes = 256UL << 10;

// Lies in shared memory, zeroed.
template <std::size_t bytes, std::size_t readers_total>
struct SharedRing {
  StreamEnd end;
  alignas(page_bytes) ring::ProducerLines producer;
  std::array<std::uint64_t, readers_total> evicted;
  alignas(page_bytes) ring::Sequence joins;
  std::array<ring::ReaderLines, readers_total> readers;
  alignas(page_bytes) std::array<Message<bytes>, stream_ring_bytes / bytes> slots;

  [[nodiscard]] ring::RingMemory<Message<bytes>> memory() noexcept {
    return {producer, evicted, joins, readers, slots};
  }
};

inline constexpr MonotonicNs look_again_ns = 100'000'000; // a parked side looks whether its peer still lives

template <std::uint64_t batch, std::size_t bytes>
void send_block(ring::Producer<Message<bytes>>& producer, std::uint64_t first_number) {
  for (std::uint64_t number = first_number; number != first_number + stream_block; number += batch) {
    std::uint64_t first = 0;
    while (producer.claim(batch, first, never) != ring::ClaimResult::claimed) {
    }
    for (std::uint64_t i = 0; i < batch; ++i) {
      producer.slot(first + i).fill(number + i);
    }
    producer.publish(first + batch);
  }
}

template <std::size_t bytes>
std::uint64_t take_available(ring::Reader<Message<bytes>>& reader, Checker& checker) {
  const std::uint64_t available = reader.available();
  if (available == 0) {
    return 0;
  }
  const auto messages = reader.span(reader.position(), available);
  checker.check(messages);
  checker.check(reader.span(reader.position() + messages.size(), available - messages.size()));
  static_cast<void>(reader.release(available)); // nobody evicts
  return available;
}

template <std::size_t bytes, std::uint64_t batch>
[[nodiscard]] Sample stream_through_ring(const Slice& slice, ring::Waiting waiting, Beside beside) {
  using Shared = SharedRing<bytes, 1>;
  SharedMemory memory(sizeof(Shared));
  auto& shared = memory.as<Shared>();
  const ring::BarrierOptions options{.waiting = waiting, .shared = beside == Beside::process};
  ring::format_ring(shared.memory());
  auto reader = ring::Reader<Message<bytes>>::join(shared.memory(), 0, {}, options);
  OtherSide source(beside, slice.server_core, [&shared, options] {
    ring::Producer<Message<bytes>> producer(shared.memory(), options);
    run_source(shared.end, [&](std::uint64_t first) { send_block<batch>(producer, first); });
  });
  pin_to(slice.client_core);
  return time_stream(slice, shared.end, source, [&](Checker& checker) -> std::uint64_t {
    const std::uint64_t taken = take_available(*reader, checker);
    if (taken == 0 && waiting == ring::Waiting::park) {
      static_cast<void>(reader->wait(1, monotonic_now() + look_again_ns));
    }
    return taken;
  });
}

} // namespace ringfleet::bench
