// Traps 1, 2 and 3: the handles of rings wait and wake, under every interleaving within the bounds and with store
// buffers. Nobody sleeps on what has happened already, whoever dies, stops, closes, joins or leaves meanwhile; and
// nobody is woken twice for one announcement.

#include "wait_world.hpp"
#include "walk.hpp"

#include <memory>
#include <string_view>
#include <type_traits>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::explore;

namespace {

template <class World>
void walk(std::string_view name, const WaitShape& shape, const Bounds& bounds) {
  explore::walk(name, bounds, 30'000, [&] { return std::make_unique<World>(shape); });
}
template <class World>
void roam(std::string_view name, const WaitShape& shape, const Bounds& bounds) {
  explore::roam(name, bounds, 15'000, [&] { return std::make_unique<World>(shape); });
}

} // namespace

TEST_CASE("ring, explored: producer and reader never sleep on what the other has done (store buffers)") {
  walk<RingWaitWorld>("1p1c", {}, {.preemptions = 2, .deaths = 0, .delays = 1});
  walk<RingWaitWorld>("1p1c, 2 slots", {.capacity = 2, .messages = 3}, {.preemptions = 2, .deaths = 0, .delays = 1});
  walk<RingWaitWorld>("1p2c", {.readers = 2}, {.preemptions = 1, .deaths = 0, .delays = 1});
  walk<RingWaitWorld>("1p1c, joins late", {.joins_late = true}, {.preemptions = 1, .deaths = 0, .delays = 1});
  walk<RingWaitWorld>("1p2c, leaves", {.readers = 2, .leaves = true}, {.preemptions = 1, .deaths = 0, .delays = 1});
  walk<RingWaitWorld>("pipeline of 2", {.readers = 2, .follows = true}, {.preemptions = 1, .deaths = 0, .delays = 1});
  roam<RingWaitWorld>("1p3c, joins late", {.readers = 3, .capacity = 2, .messages = 5, .joins_late = true},
                      {.preemptions = 6, .deaths = 0, .delays = 3});
}

TEST_CASE("ring, explored: a close, a stop or a death ends every wait") {
  walk<RingWaitWorld>("closed", {.closes = true}, {.preemptions = 2, .deaths = 0, .delays = 1});
  walk<RingWaitWorld>("stopped", {.stops = true}, {.preemptions = 1, .deaths = 0, .delays = 1});
  walk<RingWaitWorld>("the producer dies", {.is_producer_mortal = true}, {.preemptions = 1, .deaths = 1, .delays = 1});
  walk<RingWaitWorld>("a reader dies", {.is_reader_mortal = true}, {.preemptions = 1, .deaths = 1, .delays = 1});
  walk<RingWaitWorld>("a reader dies, and its line is vacated", {.is_reader_mortal = true, .is_watched = false},
                      {.preemptions = 1, .deaths = 1, .delays = 1});
  roam<RingWaitWorld>("1p2c, one is stopped, the producer dies",
                      {.readers = 2, .messages = 3, .stops = true, .is_producer_mortal = true},
                      {.preemptions = 6, .deaths = 1, .delays = 3});
}

TEST_CASE("shared_ring, explored: producers and readers never sleep on what the others have done (store buffers)") {
  walk<SharedWaitWorld>("1p1c, a claim is aborted", {.aborts = true}, {.preemptions = 1, .deaths = 0, .delays = 1});
  walk<SharedWaitWorld>("pipeline of 2", {.readers = 2, .messages = 1, .follows = true},
                        {.preemptions = 1, .deaths = 0, .delays = 1});
  walk<SharedWaitWorld>("2p1c", {.producers = 2, .messages = 1}, {.preemptions = 1, .deaths = 0, .delays = 1});
  walk<SharedWaitWorld>("2p1c, 2 slots", {.producers = 2, .capacity = 2}, {.preemptions = 1, .deaths = 0, .delays = 1});
  walk<SharedWaitWorld>("1p1c, joins late", {.joins_late = true}, {.preemptions = 1, .deaths = 0, .delays = 1});
  walk<SharedWaitWorld>("1p1c, closed", {.closes = true}, {.preemptions = 1, .deaths = 0, .delays = 1});
  walk<SharedWaitWorld>("1p1c, stopped", {.stops = true}, {.preemptions = 1, .deaths = 0, .delays = 1});
  roam<SharedWaitWorld>("3p2c, 2 slots", {.producers = 3, .readers = 2, .capacity = 2},
                        {.preemptions = 6, .deaths = 0, .delays = 3});
  roam<SharedWaitWorld>("2p, pipeline of 3, claims are aborted",
                        {.producers = 2, .readers = 3, .capacity = 2, .follows = true, .aborts = true},
                        {.preemptions = 6, .deaths = 0, .delays = 3});
}

TEST_CASE("shared_ring, explored: a death holds up nobody for longer than it takes to mend it") {
  walk<SharedWaitWorld>("2p1c, a producer dies", {.producers = 2, .messages = 1, .is_producer_mortal = true},
                        {.preemptions = 1, .deaths = 1});
  walk<SharedWaitWorld>("a reader dies", {.is_reader_mortal = true}, {.preemptions = 1, .deaths = 1, .delays = 1});
  walk<SharedWaitWorld>("pipeline of 2, a reader dies",
                        {.readers = 2, .messages = 1, .follows = true, .is_reader_mortal = true, .is_watched = false},
                        {.preemptions = 1, .deaths = 1});
  roam<SharedWaitWorld>("3p1c, a producer dies", {.producers = 3, .capacity = 2, .is_producer_mortal = true},
                        {.preemptions = 6, .deaths = 1, .delays = 2});
}

TEST_CASE("rings, explored: nobody sleeps on what has happened on a machine that reorders stores and loads") {
  const auto walk_reordered = [](const char* name, const WaitShape& shape, unsigned deaths, auto world) {
    explore::walk_reordered(name, {.preemptions = 1, .deaths = deaths}, 15'000,
                            [&] { return std::make_unique<typename decltype(world)::type>(shape); });
  };
  const std::type_identity<RingWaitWorld> one;
  const std::type_identity<SharedWaitWorld> many;
  walk_reordered("1p1c", {}, 0, one);
  walk_reordered("closed", {.closes = true}, 0, one);
  walk_reordered("stopped", {.stops = true}, 0, one);
  walk_reordered("the producer dies", {.is_producer_mortal = true}, 1, one);
  walk_reordered("many producers, 1p1c", {}, 0, many);
  walk_reordered("many producers, closed", {.closes = true}, 0, many);
}
