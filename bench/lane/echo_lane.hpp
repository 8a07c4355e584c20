#pragma once

// A real lane to a process that echoes: sealed memfd segments, `CallerLane` here, `ServerLane` and `ServerPark` there,
// the same steps for each request as in a runner (announce, execute, reply, finish). What a fleet adds on top, choosing
// a runner and the module ABI, is not in it.

#include "harness/process.hpp"

#include "ringfleet/call/caller_lane.hpp"
#include "ringfleet/call/lane_layout.hpp"
#include "ringfleet/call/wait_mode.hpp"
#include "ringfleet/memory/segment.hpp"

#include <memory>
#include <optional>

namespace ringfleet::bench {

class EchoLane {
public:
  EchoLane(int server_core, const call::LaneShape& shape, call::WaitMode mode);

  [[nodiscard]] call::CallerLane& caller() noexcept { return *caller_; }

  // Ends the server and reports how it ended, by throwing. Every call must be released.
  void finish();

private:
  struct Handshake;

  call::LaneShape shape_;
  SharedMemory handshake_;
  std::optional<PeerProcess> server_;
  memory::Segment requests_;
  memory::Segment replies_;
  std::unique_ptr<call::CallerLane> caller_;
};

} // namespace ringfleet::bench
