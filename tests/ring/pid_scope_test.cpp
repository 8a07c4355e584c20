// Who may continue a ring whose member table speaks of another PID namespace: nobody can tell from a pid of another one
// whether its process lives, so it is the owner's lock and the lines that are held which decide. (T15)

#include "../os/own_pid_namespace.hpp"
#include "space_fixture.hpp"

#include "ringfleet/ring/membership.hpp"

#include <optional>
#include <string>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::ring;
using namespace ringfleet::ring::test;
using ringfleet::test::passes_in_own_pid_namespace;

namespace {

bool is_refused(const memory::Place& place, ErrorCode wanted, const std::string& part) {
  std::string text;
  const auto code = error_of([&] { (void)RingSpace::create(ticks_at(place)); }, &text);
  if (code != wanted || !contains(text, part)) {
    MESSAGE("said instead: " << text);
    return false;
  }
  return true;
}

} // namespace

TEST_CASE("pid scope: an owner of another PID namespace is known to live by its lock") {
  ScratchRing scratch(memory::Backing::shm);
  const auto owner = RingSpace::create(ticks_at(scratch.place()));
  CHECK(passes_in_own_pid_namespace([&] { return is_refused(scratch.place(), ErrorCode::already_exists, "owns it"); }));
}

TEST_CASE("pid scope: a ring with a line held in another PID namespace is not taken over, the line is named") {
  ScratchRing scratch(memory::Backing::shm);
  std::optional<RingSpace> owner = RingSpace::create(ticks_at(scratch.place()));
  const auto reader = RingSpace::attach(scratch.place(), ticks());
  const auto mine = Membership::join(reader, {.id = "risk"}, monotonic_now());
  owner.reset();
  CHECK(
      passes_in_own_pid_namespace([&] { return is_refused(scratch.place(), ErrorCode::wrong_state, "holds line 0"); }));
  // The refusal has changed nothing: in this namespace the ring goes on.
  CHECK(RingSpace::create(ticks_at(scratch.place())).owner().generation == 2);
}

TEST_CASE("pid scope: a ring without a held line moves into the PID namespace of whoever continues it") {
  ScratchRing scratch(memory::Backing::shm);
  std::optional<RingSpace> owner = RingSpace::create(ticks_at(scratch.place()));
  owner.reset();
  CHECK(passes_in_own_pid_namespace(
      [&] { return RingSpace::create(ticks_at(scratch.place())).owner().generation == 2; }));
}
