// T2, T6: every topology on every backing, between threads and between processes; the same code for all.

#include "topologies.hpp"

#include <string>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::ring;
using namespace ringfleet::ring::conformance;
using memory::Backing;

namespace {

template <class Run>
void on_every_backing(Actors actors, Run run) {
  constexpr std::pair<Backing, const char*> backings[] = {
      {Backing::heap, "heap"}, {Backing::anonymous, "anonymous"}, {Backing::shm, "shm"}, {Backing::file, "file"}};
  for (const auto& [backing, name] : backings) {
    if (World::is_possible(backing, actors)) {
      CAPTURE(name);
      World world(backing, actors);
      CHECK(run(world) == 0);
    }
  }
}

// The build file runs the two kinds of actor as tests of their own, by these names.
template <class Run>
void on_every_world(Run run) {
  SUBCASE("between threads") {
    on_every_backing(Actors::threads, run);
  }
  SUBCASE("between processes") {
    on_every_backing(Actors::processes, run);
  }
}

} // namespace

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
