// Lossy readers of rings with one producer, killed after each instruction of their lives: they join, copy, are lapped,
// leave, and hold nobody back at any moment, however full the ring is. faults 6, 7, 39.

#include "lossy_world.hpp"
#include "single_survivors.hpp"
#include "stepkill.hpp"

#include <vector>

#include <fmt/format.h>

using namespace ringfleet;
using namespace ringfleet::kill;

namespace {

using ring::JoinFrom;
using Life = LossyLife<SingleShape>;
using LossyReaderDies = LifeOfALossyReader<RingBytes, ring::LossyReader<Message>, SingleSurvivors>;

std::vector<Scenario> scenarios() {
  std::vector<Scenario> all;
  for (const std::uint64_t phase : {0U, 2U}) { // the unread begin so far in front of the end of the ring
    for (const auto& place : places(ring_slots, phase)) {
      const auto add = [&](const char* what, const SingleShape& shape, Life life) {
        life.shape = shape;
        life.shape.position = place.position;
        all.push_back(scenario_of<LossyReaderDies>(
            fmt::format("{}, {} of {} unread, {}", what, shape.unread, ring_slots, place.name), life));
      };
      // The ring is fresh, empty, has one slot left, and none.
      add("lossy at oldest of what never was", {.read = 0, .unread = 0}, {.from = JoinFrom::oldest});
      for (const std::uint64_t unread : {0U, 7U, 8U}) {
        add("lossy at latest", {.read = 10, .unread = unread}, {.from = JoinFrom::latest});
        add("lossy at oldest", {.read = 10, .unread = unread}, {.from = JoinFrom::oldest});
      }
      add("lossy where it was", {.read = 10, .unread = 5}, {.from = JoinFrom::sequence, .ago = 2});
      add("lossy, lapped", {.read = 16, .unread = 5}, {.from = JoinFrom::sequence, .ago = 16});
      add("lossy, lapped, goes on at latest", {.read = 16, .unread = 5},
          {.from = JoinFrom::sequence, .ago = 16, .resume = ring::Resume::latest});
      // The ring is full with the claim of one position, and with that of four.
      add("lossy at oldest, before a dead claim", {.read = 10, .unread = 7, .claimed = 1}, {.from = JoinFrom::oldest});
      add("lossy, lapped by a dead claim", {.read = 10, .unread = 4, .claimed = 4},
          {.from = JoinFrom::sequence, .ago = 3});
    }
  }
  return all;
}

} // namespace

int main(int argc, char** argv) {
  return stepkill_main(argc, argv, "stepkill_lossy", scenarios(), {.recoveries_max = 1, .one_of = 10});
}
