// Frames of one of many writers, killed after each of its instructions: in place, over the padding at the end of the
// ring, in fragments, given up; behind claims of one and of two that are dead already; where there is room and where
// there is none. faults 2, 3, 4, 39.

#include "frame_world.hpp"
#include "stepkill.hpp"

#include <vector>

using namespace ringfleet::kill;

namespace {

std::vector<Scenario> scenarios() {
  std::vector<Scenario> all;
  for (const std::uint64_t phase : {0U, 1U, 2U}) { // blocks in front of the end of the ring
    for (const auto& place : places(blocks_total, phase)) {
      const auto add = [&](const char* what, const FrameShape& shape) {
        all.push_back(scenario_of<WritingWorld<ManyWriters>>(
            fmt::format("{} {} bytes behind {} dead claims, {} of {} unread, {}", what, shape.bytes, shape.dead_claims,
                        shape.unread, blocks_total, place.name),
            shape));
      };
      add_frame_states(place.position, add);
      const auto add_behind = [&](const char* what, FrameShape shape) {
        shape.position = place.position;
        add(what, shape);
      };
      for (const std::uint64_t dead : {1U, 2U}) {
        add_behind("write", {.position = 0, .unread = 1, .bytes = 150, .dead_claims = dead});
        add_behind("write", {.position = 0, .unread = 15 - dead, .bytes = 30, .dead_claims = dead});
        add_behind("write", {.position = 0, .unread = 16 - dead, .bytes = 30, .dead_claims = dead});
        add_behind("write in fragments", {.position = 0, .unread = 1, .bytes = 500, .dead_claims = dead});
        add_behind("write piece by piece",
                   {.position = 0, .unread = 2, .bytes = 500, .way = Way::piece_by_piece, .dead_claims = dead});
        add_behind("give up, write",
                   {.position = 0, .unread = 1, .bytes = 100, .way = Way::given_up, .dead_claims = dead});
      }
    }
  }
  return all;
}

} // namespace

int main(int argc, char** argv) {
  return stepkill_main(argc, argv, "stepkill_shared_frame", scenarios(), {.recoveries_max = 1, .one_of = 3});
}
