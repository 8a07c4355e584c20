#pragma once

// A stream of messages through a ring of slots, from one producer to one reader.

#include "stream/message.hpp"
#include "stream/ring_memory.hpp"
#include "stream/stream.hpp"

#include "ringfleet/base/clock.hpp"
#include "ringfleet/ring/ring.hpp"

#include <cstddef>
#include <cstdint>

namespace ringfleet::bench {

inline constexpr MonotonicNs look_again_ns = 100'000'000; // a side that waits looks whether its peer still lives

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

// Waits a little when nothing is there.
template <std::size_t bytes>
std::uint64_t take_available(ring::Reader<Message<bytes>>& reader, Checker& checker) {
  const std::uint64_t available = reader.available();
  if (available == 0) {
    static_cast<void>(reader.wait(1, monotonic_now() + look_again_ns));
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
  const ring::BarrierOptions options{.waiting = waiting, .shared = beside == Beside::process};
  RingInMemory<Message<bytes>> ring(stream_ring_bytes / bytes, 1);
  auto reader = ring::Reader<Message<bytes>>::join(ring.memory(), 0, {}, options);
  OtherSide source(beside, slice.server_core, [&ring, options] {
    ring::Producer<Message<bytes>> producer(ring.memory(), options);
    run_source(ring.end(), [&](std::uint64_t first) { send_block<batch>(producer, first); });
  });
  pin_to(slice.client_core);
  Checker checker;
  return time_stream(slice, ring.end(), source, checker, [&] { return take_available(*reader, checker); });
}

} // namespace ringfleet::bench
