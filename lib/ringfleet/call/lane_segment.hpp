#pragma once

// The two segments of a lane as those see them who create or attach to them: `requests`, which the client writes, and
// `replies`, which the runner writes. Their size and fingerprint follow from the lane's shape.

#include "ringfleet/call/lane_layout.hpp"
#include "ringfleet/memory/segment.hpp"

#include <cstdint>
#include <optional>

namespace ringfleet::call {

// `kind` is `requests` or `replies` throughout.
[[nodiscard]] inline memory::SegmentSpec lane_segment_spec(memory::SegmentKind kind, const LaneShape& shape,
                                                           std::uint64_t generation) {
  return {.kind = kind,
          .body_bytes = kind == memory::SegmentKind::requests ? client_body_bytes(shape) : runner_body_bytes(shape),
          .generation = generation,
          .fingerprint = lane_fingerprint(shape)};
}

// What an attach checks. Without `generation` any will do: for a process that was handed its one lane by the scheduler.
[[nodiscard]] inline memory::Expectation lane_segment_expectation(memory::SegmentKind kind, const LaneShape& shape,
                                                                  std::optional<std::uint64_t> generation = {}) {
  const auto spec = lane_segment_spec(kind, shape, 0);
  return {.kind = kind, .body_bytes_min = spec.body_bytes, .fingerprint = spec.fingerprint, .generation = generation};
}

} // namespace ringfleet::call
