#pragma once

// A stream of messages through layer 1, from one writer to one reader.

#include "harness/experiment.hpp"

#include "ringfleet/ring/barrier.hpp"

#include <algorithm>
#include <cstddef>

namespace ringfleet::bench {

// Room for 16 messages at least.
[[nodiscard]] constexpr std::size_t frame_ring_bytes(std::size_t message_bytes) noexcept {
  return std::max<std::size_t>(256UL << 10, 16 * message_bytes);
}

[[nodiscard]] Sample stream_through_frames(const Slice& slice, std::size_t bytes, ring::Waiting waiting);

} // namespace ringfleet::bench
