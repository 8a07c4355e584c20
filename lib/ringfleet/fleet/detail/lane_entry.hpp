#pragma once

// A client's lane with everything that belongs to it: the mapped segments and arenas, the module behind it, and the
// calls that moved away from it. Made and ended by the control thread; used by every calling thread.

#include "ringfleet/base/process_word.hpp"
#include "ringfleet/call/caller_lane.hpp"
#include "ringfleet/call/handshake.hpp"
#include "ringfleet/call/status.hpp"
#include "ringfleet/fleet/detail/client_link.hpp"
#include "ringfleet/memory/segment.hpp"

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace ringfleet::fleet {

class ModuleView;

class LaneEntry {
public:
  LaneEntry(const LaneOffer& lane_offer, memory::Segment request_segment)
      : offer(lane_offer), requests(std::move(request_segment)) {}

  const LaneOffer offer;
  std::string_view version;              // interned by the core
  bool lists_methods = true;             // ABI level 1 names none
  std::vector<std::uint32_t> idempotent; // method ids, sorted
  ModuleView* module = nullptr;
  std::string cause; // of the runner's death; written before mark_dead()

  memory::Segment requests;
  memory::Segment replies;
  std::vector<memory::Segment> arenas; // control thread only
  std::unique_ptr<call::CallerLane> lane;

  // Calls given to it whose slots are in use: what least-pending compares, and what keeps the lane.
  ProcessWord<std::uint32_t> pending;
  // Threads that use the lane outside an epoch section (waiting for a slot).
  ProcessWord<std::uint32_t> pins;
  ProcessWord<std::uint32_t> retired; // 1: the runner is gone; it leaves when nothing of it is in use

  // A loose call that the control thread took off this lane because its runner closed or died.
  struct Forward {
    LaneEntry* lane = nullptr; // where it went; null while it waits for a lane
    std::uint64_t position = 0;
    bool dropped = false; // its PendingCall is gone
  };
  std::mutex mutex; // for forwards and the arena that is awaited
  std::unordered_map<std::uint64_t, Forward> forwards;
  std::condition_variable arena_changed;
  bool arena_awaited = false;
  bool arena_granted = false;
  memory::Segment arena_offered; // mapped as the writer, not yet usable

  // Give up a slot. Taking the call out of the count is the last access of the calling thread, because the control
  // thread may end the lane right after.
  void release(std::uint64_t position) noexcept {
    lane->release(position);
    pending.subtract(1);
  }
  void abandon(std::uint64_t position) noexcept {
    lane->abandon(position);
    pending.subtract(1);
  }
  void abandon_loose(std::uint64_t position) noexcept {
    lane->abandon_loose(position);
    pending.subtract(1);
  }

  [[nodiscard]] bool in_use() {
    const std::lock_guard lock(mutex);
    return pending.observe() != 0 || pins.observe() != 0 || !forwards.empty() || (lane && lane->is_busy());
  }
};

} // namespace ringfleet::fleet
