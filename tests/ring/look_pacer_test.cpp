#include "ringfleet/ring/look_pacer.hpp"

#include <doctest/doctest.h>

using ringfleet::ring::LookPacer;

namespace {

void look(LookPacer& pacer, std::uint64_t at_once, std::uint64_t later, unsigned times) {
  for (unsigned i = 0; i < times; ++i) {
    pacer.looked(pacer.pauses() == 0 ? at_once : later);
  }
}

} // namespace

TEST_CASE("look_pacer: a stream that yields more to later looks is looked at later") {
  LookPacer pacer;
  look(pacer, 5, 40, LookPacer::trial);
  CHECK(pacer.pauses() == LookPacer::pauses_of_a_stream);
  look(pacer, 5, 40, LookPacer::trial);
  CHECK(pacer.pauses() == LookPacer::pauses_of_a_stream);
  pacer.looked(0);
  CHECK(pacer.pauses() == 0);
}

TEST_CASE("look_pacer: where later looks find no more, all but a few come at once") {
  LookPacer pacer;
  unsigned paused = 0;
  for (unsigned i = 0; i < 100 * LookPacer::period; ++i) {
    paused += pacer.pauses() != 0 ? 1 : 0;
    pacer.looked(10);
  }
  CHECK(paused <= 101 * LookPacer::trial);
}

TEST_CASE("look_pacer: single elements, and looks that mostly find nothing, are never delayed") {
  LookPacer singles;
  LookPacer answers;
  for (unsigned i = 0; i < 1'000; ++i) {
    singles.looked(1);
    CHECK(singles.pauses() == 0);
    answers.looked(20);
    CHECK(answers.pauses() == 0);
    answers.looked(0);
  }
}
