#pragma once

// Entering and leaving a route epoch. A client thread is inside only while it picks a lane and publishes a request
// there (tens of nanoseconds); what it published is then covered by the lane's own `closed` word. So a drain that stops
// waiting for a stopped client stays correct: epochs make it quick, `closed` makes it right.

#include "ringfleet/base/atomics.hpp"
#include "ringfleet/fleet/epoch_layout.hpp"
#include "ringfleet/fleet/route.hpp"

namespace ringfleet::fleet {

// One client thread, on its own line.
template <typename A = Atomics>
class EpochSection {
public:
  EpochSection(EpochLine& line, const RouteReader<A>& route) noexcept : line_(line) {
    std::uint64_t seen = route.epoch();
    for (;;) {
      // SYNC epoch.enter: store, barrier, look again; pairs with publish, barrier, look in EpochPage::inside_before.
      // Either we see the new epoch here, or the scheduler sees us inside the old one: the store-load barrier on both
      // sides excludes "neither".
      A::store_relaxed(line_.inside, seen);
      A::store_load_barrier();
      const std::uint64_t now = route.epoch();
      if (now == seen) {
        break;
      }
      seen = now;
    }
    epoch_ = seen;
    A::step("epoch.entered");
  }
  ~EpochSection() {
    // SYNC epoch.leave: release; pairs with acquire in EpochPage::inside_before. Publishes: the request published
    // inside.
    A::store_release(line_.inside, std::uint64_t{0});
  }
  EpochSection(const EpochSection&) = delete;
  EpochSection& operator=(const EpochSection&) = delete;

  [[nodiscard]] std::uint64_t epoch() const noexcept { return epoch_; }

private:
  EpochLine& line_;
  std::uint64_t epoch_ = 0;
};

// The scheduler's (and the client's own) look at all lines of one client.
template <typename A = Atomics>
class EpochPage {
public:
  explicit EpochPage(const EpochLayout& layout) noexcept : layout_(&layout) {}

  // Is any thread inside an epoch before `epoch`? Call after that epoch was published, with a store-load barrier
  // between.
  [[nodiscard]] bool inside_before(std::uint64_t epoch) const noexcept {
    for (const EpochLine& line : layout_->lines) {
      // SYNC epoch.leave: acquire; pairs with release in ~EpochSection.
      const std::uint64_t inside = A::load_acquire(line.inside);
      if (inside != 0 && inside < epoch) {
        return true;
      }
    }
    return false;
  }

private:
  const EpochLayout* layout_;
};

} // namespace ringfleet::fleet
