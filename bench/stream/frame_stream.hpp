#pragma once

// A stream of messages through layer 1, from one writer to one reader.

#include "harness/experiment.hpp"

#include "ringfleet/ring/barrier.hpp"

#include <cstddef>

namespace ringfleet::bench {

// Larger than the second cache of a core: what the reader has read must not lie there still when its lines are written
// again. A ring of 256 KiB streams 1 to 16 KiB at half the rate. All transports of frame_stream get as much.
inline constexpr std::size_t frame_ring_bytes = 4UL << 20;

[[nodiscard]] Sample stream_through_frames(const Slice& slice, std::size_t bytes, ring::Waiting waiting);

} // namespace ringfleet::bench
