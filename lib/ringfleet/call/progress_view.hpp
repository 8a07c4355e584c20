#pragma once

// What a runner says it is executing, read from its segment by anyone who has it mapped; for hang detection. The runner
// may be writing it, and may write nonsense: a hint, which a supervisor confirms by looking twice.

#include "ringfleet/base/atomics.hpp"
#include "ringfleet/base/clock.hpp"
#include "ringfleet/call/lane_layout.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace ringfleet::call {

struct ProgressView {
  std::uint64_t first_stamp = 0; // 0: idle
  MonotonicNs deadline = never;
  std::uint32_t count = 0;
};

// Any thread of any process; never blocks. `worker` < workers of the lane.
[[nodiscard]] inline ProgressView progress_hint(std::span<const std::byte> runner_body, std::uint32_t worker) noexcept {
  const auto& line = reinterpret_cast<const Progress*>(runner_body.data() + progress_offset)[worker];
  ProgressView view;
  // SYNC lane.progress: acquire; pairs with release in LaneServer::start.
  view.first_stamp = Atomics::load_acquire(line.first_stamp);
  view.deadline = Atomics::load_relaxed(line.deadline_ns);
  view.count = Atomics::load_relaxed(line.count);
  return view;
}

} // namespace ringfleet::call
