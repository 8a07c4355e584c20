// F11, fault 7: route epochs under every interleaving within the bounds, with store buffers. A client thread that is
// inside an epoch uses what the route of that epoch names; the scheduler takes it away when it sees nobody inside. A
// client that dies inside never leaves: its page is given up with proof of its death, which is the scheduler's
// business, so here it keeps the scheduler waiting and nothing else.

#include "explored_atomics.hpp"
#include "ringfleet/fleet/epoch.hpp"
#include "walk.hpp"

#include <memory>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::explore;

namespace {

constexpr std::uint64_t old_epoch = 7;

// Process 0 flips once; the others go in and out `visits` times.
struct EpochWorld {
  using E = ExploredAtomics;

  EpochWorld(unsigned clients, unsigned visits)
      : clients_(clients), visits_(visits), route_(std::make_unique<fleet::RouteLayout>()) {
    route_->epoch = old_epoch;
  }

  unsigned processes() const { return 1 + clients_; }
  bool is_mortal(unsigned process) const { return process != 0; }

  void run(unsigned process) {
    if (process == 0) {
      flip();
      return;
    }
    const fleet::RouteReader<E> route(*route_);
    for (unsigned visit = 0; visit < visits_; ++visit) {
      const fleet::EpochSection<E> inside(page_.lines[process - 1], route);
      const bool uses_old = inside.epoch() == old_epoch;
      if (uses_old && E::load_relaxed(old_is_gone_) != 0) {
        wrong_ = "a client went into an epoch that was over";
      }
      E::step("epoch.using");
      if (uses_old && E::load_relaxed(old_is_gone_) != 0) {
        wrong_ = "an epoch was over while a client was inside";
      }
    }
  }

  std::string verdict(const Outcome& outcome) {
    const bool somebody_died = outcome.is_dead(1) || (clients_ > 1 && outcome.is_dead(2));
    if (wrong_.empty() && !somebody_died && outcome.is_stuck(0)) {
      return "the scheduler is stuck";
    }
    if (wrong_.empty() && !somebody_died && fleet::EpochPage<E>(page_).inside_before(old_epoch + 1)) {
      return "somebody is inside who has left";
    }
    return wrong_;
  }

private:
  void flip() {
    E::store_release(route_->epoch, old_epoch + 1);
    E::store_load_barrier();
    const fleet::EpochPage<E> page(page_);
    // Looks a bounded number of times: who never sees it empty takes nothing away.
    for (int looks = 0; looks < 2; ++looks) {
      const auto seen = changes();
      if (!page.inside_before(old_epoch + 1)) {
        E::store_release(old_is_gone_, std::uint64_t{1});
        return;
      }
      if (looks == 0) {
        wait_beyond(seen);
      }
    }
  }

  unsigned clients_;
  unsigned visits_;
  std::unique_ptr<fleet::RouteLayout> route_;
  fleet::EpochLayout page_{};
  std::uint64_t old_is_gone_ = 0;
  std::string wrong_;
};

void walk(std::string_view name, unsigned clients, unsigned visits, const Bounds& bounds) {
  explore::walk(name, bounds, 200'000, [&] { return std::make_unique<EpochWorld>(clients, visits); });
}

} // namespace

TEST_CASE("epoch, explored: what a client uses inside an epoch stays until it has left") {
  walk("1 client", 1, 1, {.preemptions = 2});
  walk("1 client, twice", 1, 2, {.preemptions = 2});
  walk("1 client, a delayed store", 1, 1, {.preemptions = 1, .delays = 1});
  walk("2 clients", 2, 1, {.preemptions = 2});
  walk("2 clients, a death", 2, 1, {.preemptions = 1, .deaths = 1});
}

TEST_CASE("epoch: who is inside the epoch in force does not hold its predecessor") {
  fleet::EpochLayout page{};
  page.lines[3].inside = old_epoch;
  CHECK(fleet::EpochPage<>(page).inside_before(old_epoch + 1));
  CHECK_FALSE(fleet::EpochPage<>(page).inside_before(old_epoch));
}
