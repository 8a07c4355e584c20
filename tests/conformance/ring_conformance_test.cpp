// T2, T6: every topology on every backing, between threads and between processes; the same code for all.

#include "topologies.hpp"

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::ring;
using namespace ringfleet::ring::conformance;

TEST_CASE("conformance: one producer, one reader (1p1c, SPSC)") {
  on_every_world([](World& world) { return run_readers(world, {{}}); });
}

TEST_CASE("conformance: one producer, every reader gets everything (1p3c, SPMC)") {
  on_every_world([](World& world) { return run_readers(world, {{}, {}, {}}); });
}

TEST_CASE("conformance: each stage sees what the one before is done with (pipeline of 3)") {
  on_every_world([](World& world) { return run_readers(world, {{}, {0}, {1}}); });
}

TEST_CASE("conformance: the last stage sees what both before it are done with (diamond)") {
  on_every_world([](World& world) { return run_readers(world, {{}, {0}, {0}, {1, 2}}); });
}

TEST_CASE("conformance: many producers, one order (3p1c, MPSC)") {
  on_every_world([](World& world) { return run_many(world, 3, {{}}); });
}

TEST_CASE("conformance: many producers, the same order for every reader (3p2c)") {
  on_every_world([](World& world) { return run_many(world, 3, {{}, {}}); });
}

TEST_CASE("conformance: many producers, each stage sees what the one before is done with (2p, pipeline of 3)") {
  on_every_world([](World& world) { return run_many(world, 2, {{}, {0}, {1}}); });
}

TEST_CASE("conformance: many producers, the last stage sees what both before it are done with (2p, diamond)") {
  on_every_world([](World& world) { return run_many(world, 2, {{}, {0}, {0}, {1, 2}}); });
}

TEST_CASE("conformance: one reader over the rings of several producers (fan-in of 3)") {
  on_every_world([](World& world) { return run_fan_in(world, 3); });
}
