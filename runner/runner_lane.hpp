#pragma once

// One lane of this runner: its segments, its arenas, and the protocol handle over them. Made by the control thread,
// served by the worker thread, destroyed by whoever lets go of it last.

#include "lane_arenas.hpp"
#include "services.hpp"

#include "ringfleet/base/clock.hpp"
#include "ringfleet/call/control_message.hpp"
#include "ringfleet/call/server_lane.hpp"
#include "ringfleet/memory/segment.hpp"

#include <cstdint>
#include <optional>

namespace ringfleet::runner {

class RunnerLane final : public CancelSource {
public:
  // Maps the runner's segment of the lane writable and lays the guards around its progress page. `channel` must outlive
  // this object. Throws Error.
  RunnerLane(std::uint64_t id, const call::LaneShape& shape, call::WaitMode mode, os::Descriptor replies,
             call::ControlChannel& channel);

  // Verifies and maps the client's segment; from then on server() exists. Control thread, once. Throws Error.
  void open(os::Descriptor requests);

  [[nodiscard]] std::uint64_t id() const noexcept { return id_; }
  [[nodiscard]] bool is_open() const noexcept { return server_.has_value(); }
  [[nodiscard]] call::ServerLane& server() noexcept { return *server_; }
  [[nodiscard]] bool is_cancelled(std::uint64_t position) const noexcept override {
    return server_->is_cancelled(position);
  }

  // Worker thread: how many impossible requests have been reported.
  [[nodiscard]] std::uint64_t reported_violations() const noexcept { return reported_violations_; }
  void set_reported_violations(std::uint64_t count) noexcept { reported_violations_ = count; }

  // Control thread. A reply arena: mapped when it is offered, used once the client has mapped it, too. Throw Error.
  void map_reply_arena(std::uint32_t number, os::Descriptor arena);
  void use_reply_arena(std::uint32_t number);
  void open_request_arena(std::uint32_t number, os::Descriptor arena);
  // Control thread: there will be no further reply arena, so that a worker who waits for one need not.
  void refuse_reply_arena() noexcept;

private:
  std::uint64_t id_;
  call::LaneShape shape_;
  call::WaitMode mode_;
  LaneArenas arenas_;
  memory::Segment replies_;
  memory::Segment requests_;
  std::optional<call::ServerLane> server_;
  std::uint64_t reported_violations_ = 0;
};

} // namespace ringfleet::runner
