// F11, fault 7: routes and their epochs under every interleaving within the bounds, with store buffers. A client that
// is inside an epoch uses what the route of that epoch names; the scheduler takes it away when it sees nobody inside. A
// client that dies inside never leaves: its page is given up with the proof of its death.

#include "explored_atomics.hpp"
#include "ringfleet/fleet/epoch.hpp"
#include "walk.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::explore;

namespace {

constexpr std::uint64_t old_epoch = 7;

// Process 0 flips once; the others go in and out `visits` times.
struct EpochWorld {
  using E = ExploredAtomics;

  EpochWorld(unsigned clients, unsigned visits)
      : clients_(clients), visits_(visits), route_(std::make_unique<fleet::RouteLayout>()), pages_(clients) {
    route_->epoch = old_epoch;
  }

  unsigned processes() const { return 1 + clients_; }
  bool is_mortal(unsigned process) const { return process != 0; }
  bool ignores(const void* word) const {
    return std::any_of(pages_.begin(), pages_.end(),
                       [&](const auto& page) { return word >= &page.lines[1] && word < &page + 1; });
  }

  void run(unsigned process) {
    if (process == 0) {
      flip();
      return;
    }
    const fleet::RouteReader<E> route(*route_);
    for (unsigned visit = 0; visit < visits_; ++visit) {
      const fleet::EpochSection<E> inside(pages_[process - 1].lines[0], route);
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
    if (wrong_.empty() && outcome.is_stuck(0)) {
      return "the scheduler waits for nobody";
    }
    for (unsigned client = 0; client < clients_ && wrong_.empty(); ++client) {
      if (!outcome.is_dead(1 + client) && fleet::EpochPage<E>(pages_[client]).inside_before(old_epoch + 1)) {
        return "somebody is inside who has left";
      }
    }
    return wrong_;
  }

private:
  void flip() {
    E::store_release(route_->epoch, old_epoch + 1);
    E::store_load_barrier();
    for (;;) {
      const auto seen = changes();
      if (!is_anybody_inside()) {
        E::store_release(old_is_gone_, std::uint64_t{1});
        return;
      }
      wait_beyond(seen);
    }
  }
  bool is_anybody_inside() const {
    for (unsigned client = 0; client < clients_; ++client) {
      if (!is_dead(1 + client) && fleet::EpochPage<E>(pages_[client]).inside_before(old_epoch + 1)) {
        return true;
      }
    }
    return false;
  }

  unsigned clients_;
  unsigned visits_;
  std::unique_ptr<fleet::RouteLayout> route_;
  std::vector<fleet::EpochLayout> pages_;
  std::uint64_t old_is_gone_ = 0;
  std::string wrong_;
};

// Process 0 publishes one route after the other, and may die; the others read it.
struct RouteWorld {
  explicit RouteWorld(unsigned readers) : readers_(readers), route_(std::make_unique<fleet::RouteLayout>()) {
    for (std::uint64_t epoch = 1; epoch < routes_.size(); ++epoch) {
      for (std::uint32_t number = 1; number <= 2; ++number) {
        const auto generation = static_cast<std::uint32_t>(epoch);
        routes_[epoch].push_back({number, generation, fleet::Service::serving, runners_of(number, epoch)});
      }
    }
    publish(1);
  }

  unsigned processes() const { return 1 + readers_; }
  bool is_mortal(unsigned process) const { return process == 0; }
  bool ignores(const void* word) const {
    return std::any_of(std::begin(route_->copies), std::end(route_->copies),
                       [&](const auto& copy) { return word >= &copy.modules[3] && word < &copy.targets[0]; });
  }
  void run(unsigned process) {
    if (process == 0) {
      publish(2);
      publish(3);
    } else {
      for (std::uint32_t number = 1; number <= 2; ++number) {
        read(number);
      }
    }
  }
  std::string verdict(const Outcome& outcome) {
    const auto epoch = fleet::RouteReader<E>(*route_).epoch();
    if (wrong_.empty() && !outcome.is_dead(0) && epoch != 3) {
      return "the last route is not in force";
    }
    if (wrong_.empty() && (!read(1) || !read(2))) {
      return "a dead writer leaves a reader without a route";
    }
    return wrong_;
  }

private:
  // Under epoch e module 2 has 1 runner if e is even, and module 1 has none then; so their targets move.
  static std::vector<std::uint64_t> runners_of(std::uint32_t number, std::uint64_t epoch) {
    return number == 1 && epoch % 2 == 0 ? std::vector<std::uint64_t>()
                                         : std::vector<std::uint64_t>{10 * epoch + number};
  }
  void publish(std::uint64_t epoch) {
    if (fleet::RouteWriter<E>(*route_).publish(routes_[epoch]) != epoch) {
      wrong_ = "a route has another epoch than the one before and 1";
    }
  }
  bool read(std::uint32_t number) {
    const fleet::RouteReader<E> reader(*route_);
    const auto epoch = reader.epoch();
    const auto module = reader.read(number, epoch);
    if (module && (module->generation != epoch || module->service != fleet::Service::serving ||
                   module->runners != runners_of(number, epoch))) {
      wrong_ = "module " + std::to_string(number) + " is not that of epoch " + std::to_string(epoch);
    }
    return module.has_value();
  }

  using E = ExploredAtomics;
  unsigned readers_;
  std::unique_ptr<fleet::RouteLayout> route_;
  std::array<std::vector<fleet::RouteModule>, 4> routes_; // not on the stack of who may die
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
  walk("2 clients, a death", 2, 1, {.preemptions = 2, .deaths = 1});
  walk("2 clients, twice, two deaths and delayed stores", 2, 2, {.preemptions = 1, .deaths = 2, .delays = 1});
}

TEST_CASE("route, explored: a reader has a route whole, or knows that it moved; a dead writer leaves the last one") {
  const auto walk_routes = [](std::string_view name, unsigned readers, const Bounds& bounds) {
    explore::walk(name, bounds, 50'000, [&] { return std::make_unique<RouteWorld>(readers); });
  };
  walk_routes("1 reader", 1, {.preemptions = 3, .deaths = 1});
  walk_routes("1 reader, a delayed store", 1, {.preemptions = 2, .deaths = 1, .delays = 1});
  walk_routes("2 readers", 2, {.preemptions = 2, .deaths = 1});
}

TEST_CASE("epoch and route, explored: on a machine that reorders stores and loads, as far as the orders let it") {
  walk_reordered("1 client, twice", {.preemptions = 2, .deaths = 0}, 20'000,
                 [] { return std::make_unique<EpochWorld>(1U, 2U); });
  walk_reordered("1 reader", {.preemptions = 1, .deaths = 1}, 50'000, [] { return std::make_unique<RouteWorld>(1U); });
}
TEST_CASE("epoch: who is inside the epoch in force does not hold its predecessor") {
  fleet::EpochLayout page{};
  page.lines[3].inside = old_epoch;
  CHECK(fleet::EpochPage<>(page).inside_before(old_epoch + 1));
  CHECK_FALSE(fleet::EpochPage<>(page).inside_before(old_epoch));
}
