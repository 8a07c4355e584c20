#pragma once

// The control thread: hears what the scheduler says on descriptor 3, maps what arrives, and hands the rest to the
// worker. It never touches the module, so it stays responsive whatever the module does: a scheduler that is gone ends
// the process at once, even in the middle of a call.

#include "command_queue.hpp"
#include "nested_calls.hpp"
#include "runner_lane.hpp"

#include "ringfleet/call/control_message.hpp"

#include <cstdint>
#include <map>
#include <memory>

namespace ringfleet::runner {

class ControlLoop {
public:
  // All must outlive this object.
  ControlLoop(call::ControlChannel& channel, CommandQueue& commands, NestedCalls& nested) noexcept
      : channel_(channel), commands_(commands), nested_(nested) {}

  // Never returns: the worker ends the process after `stop`, and this ends it when the scheduler is gone or does not
  // speak our language.
  [[noreturn]] void run();

  // One message, for run() and for tests. What cannot be done is reported to the scheduler.
  void handle(call::ControlMessage& message);

private:
  void handle_lane(call::ControlMessage& message);
  void give_up(const call::ControlMessage& message);
  void load(call::ControlMessage& message);
  void offer_lane(call::ControlMessage& message);
  void open_lane(call::ControlMessage& message);
  void drop_lane(std::uint64_t lane);
  void handle_arena(RunnerLane& lane, call::ControlMessage& message);
  void send(call::ControlType type, std::uint64_t a = 0, std::uint64_t b = 0, std::string text = {});

  call::ControlChannel& channel_;
  CommandQueue& commands_;
  NestedCalls& nested_;
  std::map<std::uint64_t, std::shared_ptr<RunnerLane>> lanes_;
};

} // namespace ringfleet::runner
