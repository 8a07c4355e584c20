// Frames of one writer, killed after each of its instructions: messages in place, at the end of the ring, in fragments,
// given up, staged, and lent from an arena; where there is room and where there is none. faults 2, 3, 4, 39.

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
        all.push_back(scenario_of<WritingWorld<OneWriter>>(
            fmt::format("{} {} bytes, {} of {} unread, {}", what, shape.bytes, shape.unread, blocks_total, place.name),
            shape));
      };
      add_frame_states(place.position, add);
      for (const std::uint64_t unread : {0U, 1U, 15U, 16U}) {
        add("lend", {.position = place.position, .unread = unread, .bytes = 200, .way = Way::lent});
      }
    }
  }
  return all;
}

} // namespace

int main(int argc, char** argv) {
  return stepkill_main(argc, argv, "stepkill_frame", scenarios(), {.recoveries_max = 2});
}
