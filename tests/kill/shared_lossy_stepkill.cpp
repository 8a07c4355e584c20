// Lossy readers of rings with many producers, killed after each instruction of their lives: they join, copy, are
// lapped, leave, and hold nobody back at any moment, however full the ring is. faults 6, 7, 39.

#include "lossy_world.hpp"
#include "shared_survivors.hpp"
#include "stepkill.hpp"

#include <vector>

#include <fmt/format.h>

using namespace ringfleet;
using namespace ringfleet::kill;

namespace {

using ring::JoinFrom;
using Life = LossyLife<ReadingShape>;
using LossyReaderDies = LifeOfALossyReader<SharedBytes, ring::SharedLossyReader<Message>, Survivors>;

std::vector<Scenario> scenarios() {
  std::vector<Scenario> all;
  for (const std::uint64_t phase : {0U, 2U}) { // the unread begin so far in front of the end of the ring
    for (const auto& place : places(ring_slots, phase)) {
      const auto add = [&](const char* what, const ReadingShape& shape, Life life) {
        life.shape = shape;
        life.shape.position = place.position;
        all.push_back(scenario_of<LossyReaderDies>(
            fmt::format("{}, {} of {} unread, {}", what, shape.unread, ring_slots, place.name), life));
      };
      add("lossy at latest", {.read = 0, .unread = 0}, {.from = JoinFrom::latest});
      add("lossy at oldest", {.read = 10, .unread = 8}, {.from = JoinFrom::oldest});
      add("lossy at oldest, over an aborted claim", {.read = 5, .unread = 6, .has_an_abort = true},
          {.from = JoinFrom::oldest});
      add("lossy, lapped", {.read = 16, .unread = 5}, {.from = JoinFrom::sequence, .ago = 16});
      add("lossy, behind a dead claim", {.read = 9, .unread = 3, .dead_claims = 1},
          {.from = JoinFrom::sequence, .ago = 2});
      add("lossy, behind two dead claims", {.read = 9, .unread = 2, .dead_claims = 2},
          {.from = JoinFrom::sequence, .ago = 2});
      // One slot left, and none; two dead claims take three.
      add("lossy at latest", {.read = 9, .unread = 7}, {.from = JoinFrom::latest});
      add("lossy at oldest", {.read = 9, .unread = 7}, {.from = JoinFrom::oldest});
      add("lossy, behind a dead claim", {.read = 9, .unread = 6, .dead_claims = 1},
          {.from = JoinFrom::sequence, .ago = 1});
      for (const std::uint64_t unread : {4U, 5U}) {
        add("lossy, behind two dead claims", {.read = 9, .unread = unread, .dead_claims = 2},
            {.from = JoinFrom::sequence, .ago = 1});
      }
    }
  }
  return all;
}

} // namespace

int main(int argc, char** argv) {
  return stepkill_main(argc, argv, "stepkill_shared_lossy", scenarios(), {.recoveries_max = 1, .one_of = 2});
}
