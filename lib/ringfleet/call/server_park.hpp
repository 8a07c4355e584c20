#pragma once

// The waiting of a runner: until any of its lanes has a request, or its control thread wants attention. One thread
// uses it. With a spin lane among them it never sleeps.

#include "ringfleet/base/clock.hpp"
#include "ringfleet/call/lane_ladder.hpp"
#include "ringfleet/call/server_lane.hpp"
#include "ringfleet/os/host.hpp"

#include <cstdint>
#include <vector>

namespace ringfleet::call {

template <class A = Atomics>
class BasicServerPark {
public:
  // `control_word` lies in this process: whoever wants attention changes it, then futex_wakes it (private). It must
  // outlive this object.
  explicit BasicServerPark(const std::uint32_t& control_word);

  // Throws Error(limit_reached) for the 127th lane: a sleeper can watch no more. The lane must outlive its membership.
  void add(BasicServerLane<A>& lane);
  void remove(BasicServerLane<A>& lane);
  [[nodiscard]] std::size_t lanes() const noexcept { return lanes_.size(); }

  [[nodiscard]] std::uint32_t control_value() const noexcept { return A::load_acquire(control_word_); }

  // Returns when a lane may have a request, when the control word is not `control_seen` any more, or at the deadline.
  // May return early; the caller looks again. Dead clients do not end it: that is the control thread's business.
  void wait(std::uint32_t control_seen, MonotonicNs deadline) {
    if (!ladder_.template climb<A>([&] { return has_work(control_seen); }) && !spins_) {
      park(control_seen, deadline);
    }
  }

private:
  [[nodiscard]] bool has_work(std::uint32_t control_seen) const noexcept {
    for (const auto* lane : lanes_) {
      if (lane->has_request()) {
        return true;
      }
    }
    return control_value() != control_seen;
  }
  void park(std::uint32_t control_seen, MonotonicNs deadline);

  const std::uint32_t& control_word_;
  std::vector<BasicServerLane<A>*> lanes_;
  std::vector<os::FutexWord> words_;
  bool spins_ = false;
  LaneLadder ladder_;
};

extern template class BasicServerPark<Atomics>;
using ServerPark = BasicServerPark<>;

} // namespace ringfleet::call
