// T2, T3, T6: loans on rings with many producers: every topology on every backing, between threads and between
// processes.

#include "loan_topologies.hpp"

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::ring;
using namespace ringfleet::ring::conformance;

TEST_CASE("conformance: many producers lend, one order (3p1c, loans)") {
  on_every_world([](World& world) { return run_loans(world, 3, {{}}); });
}

TEST_CASE("conformance: many producers lend, the same memory for every reader (3p2c, loans)") {
  on_every_world([](World& world) { return run_loans(world, 3, {{}, {}}); });
}

TEST_CASE("conformance: many producers lend, each stage sees what the one before is done with (2p, pipeline of 3, "
          "loans)") {
  on_every_world([](World& world) { return run_loans(world, 2, {{}, {0}, {1}}); });
}

TEST_CASE("conformance: many producers lend, the last stage sees what both before it are done with (2p, diamond, "
          "loans)") {
  on_every_world([](World& world) { return run_loans(world, 2, {{}, {0}, {0}, {1, 2}}); });
}
