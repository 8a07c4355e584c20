#pragma once

// An attached client as the scheduler sees it: the thing lanes are handed to. Three kinds: the client inside the
// scheduler's own process, a process on the control socket, and a runner whose module calls other modules. Loop thread
// only.

#include "ringfleet/call/lane_layout.hpp"
#include "ringfleet/os/descriptor.hpp"

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

namespace ringfleet::fleet {

// What a client must know of the runner behind a lane.
struct LaneOffer {
  std::uint64_t lane = 0;
  std::uint64_t runner = 0; // serial
  std::uint32_t module = 0; // number
  call::LaneShape shape;
  bool spin = false;
  std::string facts; // the module's `loaded` JSON: version, methods
};

class ClientLink {
public:
  virtual ~ClientLink() = default;

  // Step 1: the client maps its request segment (the only writer). True: mapped already; else it acknowledges later.
  virtual bool offer_lane(const LaneOffer& offer, const os::Descriptor& requests) = 0;
  // Step 2: the runner serves the lane; the client maps the reply segment and uses it. True: done already.
  virtual bool open_lane(const LaneOffer& offer, const os::Descriptor& replies, const os::Descriptor& pidfd) = 0;

  // The lane was given up on its way; what the client mapped of it is of no use any more.
  virtual void lane_refused(std::uint64_t lane, std::string_view why) = 0;

  // A further arena of the lane. Client side: the client maps it as its only writer (true: mapped already). Runner
  // side: read-only.
  virtual bool offer_arena(std::uint64_t lane, std::uint32_t number, std::uint64_t bytes,
                           const os::Descriptor& arena) = 0;
  virtual bool open_arena(std::uint64_t lane, std::uint32_t number,
                          const os::Descriptor& arena) = 0; // true: mapped already
  // The runner has mapped the client's arena: the client may place payloads there. Or there will be no such arena.
  virtual void arena_usable(std::uint64_t lane, std::uint32_t number) = 0;
  virtual void refuse_arena(std::uint64_t lane, std::uint64_t bytes) = 0;

  // The runner is dead (reaped): classify its calls now. No further word about its lanes follows.
  virtual void runner_died(std::uint64_t runner, std::string_view cause) = 0;
  // The runner has closed the lane after executing everything below `closed`.
  virtual void lane_closed(std::uint64_t lane) = 0;
  // A module failed for good or was removed, or a runner serves it that did not: look at the route again.
  virtual void route_changed() = 0;

  // Is one of its threads still inside a route older than `epoch`?
  [[nodiscard]] virtual bool inside_before(std::uint64_t epoch) const = 0;
  [[nodiscard]] virtual std::string name() const = 0;

  std::set<std::uint32_t> subscriptions; // module numbers
};

} // namespace ringfleet::fleet
