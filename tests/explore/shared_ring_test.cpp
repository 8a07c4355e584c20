// T13, faults 2, 3, 4 and 7: the ring with many producers under every interleaving within the bounds, with deaths
// anywhere. After each: repair, drain, ledger, and the ring is whole again.
//
// RINGFLEET_TEST_ROUNDS sets how many executions a shape may have; RINGFLEET_TEST_SEED the random walks of those that
// have more.

#include "shared_ring_world.hpp"
#include "walk.hpp"

#include <memory>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::explore;

namespace {

void walk(std::string_view name, const Shape& shape, const Bounds& bounds) {
  explore::walk(name, bounds, 100'000, [&] { return std::make_unique<SharedRingWorld>(shape); });
}

} // namespace

TEST_CASE("shared_ring, explored: a death anywhere, then repair (2 preemptions)") {
  walk("2p1c", {.capacity = 2}, {.preemptions = 2, .deaths = 1});
  walk("2p1c, claims of 2", {.length = 2, .capacity = 4}, {.preemptions = 2, .deaths = 1});
  walk("2p0c, 2 claims each, 1 slot", {.claims = 2, .capacity = 1, .readers = 0}, {.preemptions = 2, .deaths = 1});
  walk("2p1c across 2^42", {.capacity = 2, .first_position = (1ULL << 42) - 1}, {.preemptions = 1, .deaths = 1});
}

TEST_CASE("shared_ring, explored: a lap on another, nobody dies (2 preemptions)") {
  walk("2p1c, 2 claims each, 2 slots", {.claims = 2, .capacity = 2}, {.preemptions = 2, .deaths = 0});
  walk("2p2c, 2 claims each, 2 slots", {.claims = 2, .capacity = 2, .readers = 2}, {.preemptions = 1, .deaths = 0});
}

TEST_CASE("shared_ring, explored: survivors repair while the others go on") {
  walk("2p1c, 2 slots, 1 survivor", {.capacity = 2, .survivors = 1}, {.preemptions = 1, .deaths = 1});
  walk("2p1c, 1 slot, 1 survivor", {.capacity = 1, .survivors = 1}, {.preemptions = 1, .deaths = 1});
  walk("1p1c, 2 survivors, 2 deaths", {.producers = 1, .survivors = 2}, {.preemptions = 1, .deaths = 2});
  walk("2p1c, claims of 2, 1 survivor", {.length = 2, .capacity = 2, .survivors = 1}, {.preemptions = 1, .deaths = 1});
  walk("3p1c, 1 survivor", {.producers = 3, .survivors = 1}, {.preemptions = 1, .deaths = 1});
}

TEST_CASE("shared_ring, explored: a number is taken over while its last holder is still being repaired") {
  walk("1p1c, 1 survivor, 1 heir", {.producers = 1, .survivors = 1, .heirs = 1}, {.preemptions = 2, .deaths = 1});
  walk("2p1c, 1 heir", {.heirs = 1}, {.preemptions = 1, .deaths = 1});
}

TEST_CASE("shared_ring, explored: repaired and taken over while stores wait in their buffers") {
  const auto walk_buffered = [](std::string_view name, const Shape& shape) {
    explore::walk(name, {.preemptions = 1, .deaths = 1, .delays = 1}, 20'000,
                  [&] { return std::make_unique<SharedRingWorld>(shape); });
  };
  walk_buffered("2p1c, 1 survivor, a delayed store", {.survivors = 1});
  walk_buffered("1p1c, 1 survivor, 1 heir, a delayed store", {.producers = 1, .survivors = 1, .heirs = 1});
}

TEST_CASE("shared_ring, explored: a newcomer misses nothing that is committed after it joined") {
  walk("2p1c, 2 claims each, joins late", {.claims = 2, .joins_late = true}, {.preemptions = 2, .deaths = 0});
  walk("1p1c, joins late, aborts", {.producers = 1, .claims = 3, .joins_late = true, .aborts = true},
       {.preemptions = 2, .deaths = 1});
  walk("2p1c, joins late, 1 survivor", {.capacity = 1, .survivors = 1, .joins_late = true},
       {.preemptions = 1, .deaths = 1});
  walk("2p1c, joins late, a delayed store", {.claims = 2, .capacity = 1, .joins_late = true},
       {.preemptions = 1, .deaths = 0, .delays = 1});
}

TEST_CASE("shared_ring, explored: a reader that follows another never overtakes it") {
  walk("2p, following", {.capacity = 2, .readers = 2, .follows = true}, {.preemptions = 2, .deaths = 0});
  walk("1p, following, 1 slot, aborts",
       {.producers = 1, .claims = 3, .capacity = 1, .readers = 2, .aborts = true, .follows = true},
       {.preemptions = 2, .deaths = 0});
  walk("2p, following, claims of 2, 1 survivor",
       {.length = 2, .capacity = 4, .readers = 2, .survivors = 1, .follows = true}, {.preemptions = 1, .deaths = 1});
  walk("1p, following, joins late, a delayed store",
       {.producers = 1, .claims = 2, .readers = 2, .joins_late = true, .follows = true},
       {.preemptions = 2, .deaths = 0, .delays = 1});
  walk("1p, following, 1 slot, sleeps",
       {.producers = 1, .claims = 2, .capacity = 1, .readers = 2, .follows = true, .sleeps = true},
       {.preemptions = 1, .deaths = 0, .delays = 1});
  walk("1p, following, joins late, sleeps",
       {.producers = 1, .readers = 2, .joins_late = true, .follows = true, .sleeps = true},
       {.preemptions = 1, .deaths = 0, .delays = 1});
}

TEST_CASE("shared_ring, explored: no wake is lost (store buffers)") {
  walk("2p1c, sleeps", {.sleeps = true}, {.preemptions = 1, .deaths = 0, .delays = 1});
  walk("1p1c, 1 slot, sleeps", {.producers = 1, .claims = 2, .capacity = 1, .sleeps = true},
       {.preemptions = 2, .deaths = 0, .delays = 1});
  walk("3p0c, 1 slot, sleeps", {.producers = 3, .capacity = 1, .readers = 0, .sleeps = true},
       {.preemptions = 1, .deaths = 0, .delays = 1});
  walk("2p1c, 1 slot, joins late, sleeps", {.capacity = 1, .joins_late = true, .sleeps = true},
       {.preemptions = 1, .deaths = 0, .delays = 1});
  walk("2p1c, 1 slot, 1 survivor, sleeps", {.capacity = 1, .survivors = 1, .sleeps = true},
       {.preemptions = 1, .deaths = 1, .delays = 1});
}

TEST_CASE("shared_ring, explored: larger rings, several deaths and delayed stores (random runs)") {
  const auto roam = [](std::string_view name, const Shape& shape, const Bounds& bounds) {
    explore::roam(name, bounds, 30'000, [&] { return std::make_unique<SharedRingWorld>(shape); });
  };
  roam("3p1c, 2 claims each, 2 deaths", {.producers = 3, .claims = 2, .capacity = 4, .survivors = 1},
       {.preemptions = 8, .deaths = 2, .delays = 2});
  roam("3p2c, claims of 2, an heir, 2 deaths", {.producers = 3, .length = 2, .capacity = 4, .readers = 2, .heirs = 1},
       {.preemptions = 8, .deaths = 2, .delays = 2});
  roam("4p1c, aborts, joins late, a death",
       {.producers = 4, .claims = 3, .capacity = 4, .survivors = 1, .joins_late = true, .aborts = true},
       {.preemptions = 8, .deaths = 1, .delays = 2});
}

TEST_CASE("shared_ring, explored: all of that on a machine that reorders stores and loads, as the orders let it") {
  const auto walk_reordered = [](const char* name, const Shape& shape, unsigned deaths) {
    explore::walk_reordered(name, {.preemptions = 1, .deaths = deaths}, 60'000,
                            [&] { return std::make_unique<SharedRingWorld>(shape); });
  };
  walk_reordered("2p1c", {.length = 2, .capacity = 4}, 0);
  walk_reordered("1p1c, 1 slot", {.producers = 1, .claims = 2, .capacity = 1}, 0);
  walk_reordered("1p1c, joins late", {.producers = 1, .claims = 2, .capacity = 1, .joins_late = true}, 0);
  walk_reordered("1p1c, 1 survivor, 1 heir", {.producers = 1, .survivors = 1, .heirs = 1}, 1);
}
