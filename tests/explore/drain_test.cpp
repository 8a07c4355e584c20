// F11, faults 5 and 7: a route flips under clients that call, and the old runner drains and closes; every interleaving
// within the bounds, with store buffers, and clients that die anywhere. Epochs make a drain quick, `closed` makes it
// right: where the scheduler waits until nobody is inside, no call is turned away; where it does not, each is executed
// once all the same.

#include "explored_host.hpp"
#include "lane_memory.hpp"
#include "walk.hpp"

#include "ringfleet/call/caller_lane_impl.hpp"
#include "ringfleet/call/server_lane_impl.hpp"
#include "ringfleet/call/server_park_impl.hpp"
#include "ringfleet/fleet/epoch.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::explore;

namespace {

constexpr std::uint64_t old_epoch = 7;
constexpr call::LaneShape lane_shape{.slots = 2, .slot_bytes = 64};

struct DrainShape {
  unsigned clients = 1;
  unsigned calls = 1; // of each
  bool is_patient = true;
};

// Process 0 is the scheduler, 1 the old runner, then come the clients, each with a lane and a page of its own. The new
// runner is always there.
class DrainWorld {
public:
  explicit DrainWorld(const DrainShape& shape)
      : shape_(shape), route_(std::make_unique<fleet::RouteLayout>()), pages_(shape.clients), park_(control_),
        executed_(shape.clients * shape.calls), is_done_(executed_.size()) {
    route_->epoch = old_epoch;
    for (unsigned client = 0; client < shape.clients; ++client) {
      lanes_.push_back(std::make_unique<Lane>(lane_shape, 0, 0, nullptr));
      park_.add(lanes_.back()->server);
    }
  }

  unsigned processes() const { return first_client + shape_.clients; }
  bool is_mortal(unsigned process) const { return process >= first_client; }
  bool ignores(const void* word) const {
    return std::any_of(pages_.begin(), pages_.end(),
                       [&](const auto& page) { return word >= &page.lines[1] && word < &page + 1; });
  }
  void run(unsigned process) {
    if (process == 0) {
      deploy();
    } else if (process == 1) {
      serve();
    } else {
      for (unsigned number = 0; number < shape_.calls; ++number) {
        call(process - first_client, (process - first_client) * shape_.calls + number);
      }
    }
  }
  std::string verdict(const Outcome& outcome) {
    for (unsigned process = 0; process < processes() && wrong_.empty(); ++process) {
      if (outcome.is_stuck(process)) {
        wrong_ = "process " + std::to_string(process) + " is stuck";
      }
    }
    for (std::size_t id = 0; id < executed_.size() && wrong_.empty(); ++id) {
      const bool is_dead = outcome.is_dead(first_client + static_cast<unsigned>(id) / shape_.calls);
      if (executed_[id] > 1 || (!is_dead && (executed_[id] != 1 || !is_done_[id]))) {
        wrong_ = "a call was executed " + std::to_string(executed_[id]) + " times";
      }
    }
    return wrong_;
  }

private:
  static constexpr unsigned first_client = 2;

  void deploy() {
    E::store_release(route_->epoch, old_epoch + 1);
    E::store_load_barrier();
    for (auto seen = changes(); shape_.is_patient && is_anybody_inside(); seen = changes()) {
      wait_beyond(seen);
    }
    E::store_release(control_, 1U);
    os::Host<E>::wake(control_, false);
  }
  bool is_anybody_inside() const {
    for (unsigned client = 0; client < shape_.clients; ++client) {
      if (!is_dead(first_client + client) && fleet::EpochPage<E>(pages_[client]).inside_before(old_epoch + 1)) {
        return true;
      }
    }
    return false;
  }

  // As the worker does it: what is there when the drain begins is served, a lap at most.
  void serve() {
    for (auto control = park_.control_value(); control == 0; control = park_.control_value()) {
      if (std::all_of(lanes_.begin(), lanes_.end(), [&](auto& lane) { return !serve_one(*lane); })) {
        park_.wait(control, never);
      }
    }
    for (auto& lane : lanes_) {
      for (unsigned left = lane_shape.slots; left != 0 && serve_one(*lane); --left) {
      }
    }
    for (auto& lane : lanes_) {
      (void)lane->server.close();
    }
  }
  bool serve_one(Lane& lane) {
    call::Request request;
    if (!lane.server.poll(request)) {
      return false;
    }
    lane.server.start(0, request.position, request.deadline);
    ++executed_[request.method];
    lane.server.reply(request.position, CallStatus::ok);
    lane.server.finish(0);
    return true;
  }

  void call(unsigned client, unsigned id) {
    auto& caller = lanes_[client]->caller;
    const fleet::RouteReader<E> route(*route_);
    call::Started started{call::StartStatus::closed, 0};
    bool is_old = false;
    {
      const fleet::EpochSection<E> inside(pages_[client].lines[0], route);
      is_old = inside.epoch() == old_epoch;
      if (is_old) {
        started = caller.start({.method = id, .deadline = never, .chain = {}}, {}, call::Delivery::held, never);
      }
    }
    if (started.status == call::StartStatus::started) {
      const auto waited = caller.wait(started.position, never);
      if (waited.status == call::WaitStatus::replied) {
        caller.release(started.position);
        is_done_[id] = true;
        return;
      }
      caller.abandon(started.position);
      if (waited.status != call::WaitStatus::never_executed) {
        wrong_ = "a call ended for no reason";
        return;
      }
    }
    if (is_old && shape_.is_patient) {
      wrong_ = "a call was turned away by a scheduler that had waited";
    }
    ++executed_[id];
    is_done_[id] = true;
  }

  DrainShape shape_;
  std::unique_ptr<fleet::RouteLayout> route_;
  std::vector<fleet::EpochLayout> pages_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::uint32_t control_ = 0;
  call::BasicServerPark<E> park_;
  std::vector<unsigned> executed_;
  std::vector<bool> is_done_;
  std::string wrong_;
};

void walk(std::string_view name, const DrainShape& shape, const Bounds& bounds) {
  explore::walk(name, bounds, 20'000, [&] { return std::make_unique<DrainWorld>(shape); });
}

} // namespace

TEST_CASE("drain, explored: who was inside before the flip is served by the old runner, whoever dies") {
  walk("1 client, a delayed store", {}, {.preemptions = 2, .deaths = 0, .delays = 1});
  walk("1 client, 2 calls, a death, a delayed store", {.calls = 2}, {.preemptions = 1, .deaths = 1, .delays = 1});
  walk("2 clients, a death, a delayed store", {.clients = 2}, {.preemptions = 1, .deaths = 1, .delays = 1});
}

TEST_CASE("drain, explored: a scheduler that does not wait turns calls away, and each is executed once") {
  walk("1 client, a delayed store", {.is_patient = false}, {.preemptions = 2, .deaths = 0, .delays = 1});
  walk("2 clients, a death, a delayed store", {.clients = 2, .is_patient = false},
       {.preemptions = 1, .deaths = 1, .delays = 1});
}

TEST_CASE("drain, explored: on a machine that reorders stores and loads, as far as the orders let it") {
  walk_reordered("1 client, 2 calls, a death", {.preemptions = 1, .deaths = 1}, 10'000,
                 [] { return std::make_unique<DrainWorld>(DrainShape{.calls = 2}); });
}
