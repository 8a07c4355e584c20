#pragma once

// A lane on which this runner is the client: to a runner of another module, for calls that its own module makes.

#include "lane_arenas.hpp"

#include "ringfleet/call/caller_lane.hpp"
#include "ringfleet/call/control_message.hpp"
#include "ringfleet/memory/obituary.hpp"
#include "ringfleet/memory/segment.hpp"

#include <cstdint>
#include <optional>

namespace ringfleet::runner {

class NestedLane {
public:
  // From lane_offer_client: maps the client's segment writable. `channel` and `obituary` must outlive this object.
  // Throws Error.
  NestedLane(call::ControlMessage& offer, call::ControlChannel& channel, const memory::Obituary& obituary);

  // From lane_open_client: verifies and maps the runner's segment; from then on caller() exists. Throws Error.
  void open(os::Descriptor replies);

  [[nodiscard]] std::uint64_t id() const noexcept { return id_; }
  [[nodiscard]] std::uint64_t runner() const noexcept { return runner_; }
  [[nodiscard]] std::uint32_t module_number() const noexcept { return module_number_; }
  [[nodiscard]] bool is_open() const noexcept { return caller_.has_value(); }
  [[nodiscard]] call::CallerLane& caller() noexcept { return *caller_; }
  [[nodiscard]] LaneArenas& arenas() noexcept { return arenas_; }

private:
  std::uint64_t id_;
  std::uint64_t runner_;
  std::uint32_t module_number_;
  call::LaneShape shape_;
  call::WaitMode mode_;
  const memory::Obituary& obituary_;
  LaneArenas arenas_;
  memory::Segment requests_;
  memory::Segment replies_;
  std::optional<call::CallerLane> caller_;
};

} // namespace ringfleet::runner
