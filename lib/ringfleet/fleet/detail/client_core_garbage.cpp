// When the lane of a dead runner leaves its client, with its memory: as soon as nothing of this process uses it any
// more. Whoever is the last to use it does not say so, because every call would pay for that. The control thread looks
// when it has news, and where something was in use it looks again a little later, and again, by and by more rarely.

#include "ringfleet/fleet/detail/client_core.hpp"

#include <algorithm>
#include <chrono>

namespace ringfleet::fleet {
namespace {

using namespace std::chrono_literals;

// Calls in flight end with their runner, at once; a reply that its caller has kept ends when that one likes.
constexpr Nanoseconds look_pause_min = 10ms;
constexpr Nanoseconds look_pause_max = 1s;

} // namespace

void ClientCore::collect_garbage() {
  look_pause_ = look_pause_min;
  look_at_ = end_unused_lanes() ? never : deadline_after(monotonic_now(), look_pause_);
}

void ClientCore::look_again(MonotonicNs now) {
  if (now < look_at_ || look_at_ == never) {
    return;
  }
  look_pause_ = std::min(2 * look_pause_, look_pause_max);
  look_at_ = end_unused_lanes() ? never : deadline_after(now, look_pause_);
}

// A lane goes when its runner is gone, no table names it, nobody may still read one that did, and nothing of it is in
// use. Only the control thread ends lanes, so it may look at them without the lock. False when some are left.
bool ClientCore::end_unused_lanes() {
  std::vector<LaneEntry*> gone;
  {
    const std::lock_guard lock(mutex_);
    retired_.sweep(lines_inside());
    if (!retired_.empty()) {
      return false;
    }
    for (auto& [id, entry] : lanes_) {
      if (entry->retired.peek() != 0) {
        gone.push_back(entry.get());
      }
    }
  }
  const auto kept = std::erase_if(gone, [this](LaneEntry* entry) {
    return entry->in_use() || std::ranges::any_of(waiting_, [entry](const auto& item) { return item.first == entry; });
  });
  const std::lock_guard lock(mutex_);
  for (const LaneEntry* entry : gone) {
    lanes_.erase(entry->offer.lane);
  }
  return kept == 0;
}

} // namespace ringfleet::fleet
