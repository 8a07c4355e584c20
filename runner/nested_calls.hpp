#pragma once

// Calls that this runner's module makes to other modules: the runner is a client of the fleet as well. Lanes are asked
// for when a module is called for the first time and kept; they arrive through the control thread.
//
//   worker                         control thread                       scheduler
//   call_wanted ────────────────────────────────────────────────────► subscribed | refused
//   waits for a lane               lane_offer_client → lane_mapped_client
//                                  lane_open_client  → lane_ready_client
//   start, wait, release           runner_died, lane_closed, lane_retired, arenas

#include "nested_lane.hpp"
#include "services.hpp"

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace ringfleet::runner {

class NestedCalls final : public Outgoing {
public:
  // `channel` must outlive this object.
  explicit NestedCalls(call::ControlChannel& channel) noexcept : channel_(channel) {}

  // Worker thread. The number of this runner's own module, for the chain.
  void set_own_number(std::uint16_t number) noexcept { own_number_ = number; }
  [[nodiscard]] CallStatus call(const OutgoingCall& request, Reply& reply) override;

  // Control thread: a message that belongs to the client half. Throws Error.
  void handle(call::ControlMessage& message);

private:
  enum class Answer : std::uint8_t { awaited, subscribed, refused };
  struct Target {
    Answer answer = Answer::awaited;
    std::uint16_t number = 0;
  };
  using LanePtr = std::shared_ptr<NestedLane>;
  using Lock = std::unique_lock<std::mutex>;

  // Empty: the scheduler has not answered in time.
  [[nodiscard]] const Target* subscribe(const std::string& module, MonotonicNs deadline, Lock& lock);
  // An open lane to a live runner, in turn; empty when there is none until the deadline.
  [[nodiscard]] LanePtr pick(std::uint16_t number, MonotonicNs deadline, Lock& lock);
  [[nodiscard]] LanePtr usable_lane(std::uint16_t number);
  enum class Attempt : std::uint8_t { finished, elsewhere };
  [[nodiscard]] static Attempt attempt(NestedLane& lane, const call::RequestFields& fields, const OutgoingCall& request,
                                       Reply& reply, CallStatus& status);
  [[nodiscard]] bool wait_for_change(MonotonicNs deadline, Lock& lock);
  LanePtr find(std::uint64_t lane);
  void handle_arena(NestedLane& lane, call::ControlMessage& message);
  void runner_died(std::uint64_t runner);
  void send(call::ControlType type, std::uint64_t a, std::uint64_t b = 0, std::string text = {});

  call::ControlChannel& channel_;
  memory::Obituary obituary_;
  std::uint16_t own_number_ = 0;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Target> targets_;
  std::map<std::uint64_t, LanePtr> lanes_;
  std::uint64_t turn_ = 0; // lane id picked last
};

} // namespace ringfleet::runner
