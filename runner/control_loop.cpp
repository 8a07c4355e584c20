#include "control_loop.hpp"

#include "scheduler_link.hpp"

#include "ringfleet/base/error.hpp"

#include <utility>

#include <fmt/format.h>
#include <unistd.h>

namespace ringfleet::runner {
namespace {

using call::ControlMessage;
using call::ControlType;

constexpr std::uint64_t spin_bit = std::uint64_t{1} << 32;

os::Descriptor take_descriptor(ControlMessage& message, std::size_t index = 0) {
  if (index >= message.descriptors.size()) {
    throw Error(ErrorCode::bad_message,
                fmt::format("control message '{}' lacks descriptor {}", call::to_string(message.type), index));
  }
  return std::move(message.descriptors[index]);
}

} // namespace

void ControlLoop::run() {
  ControlMessage message;
  for (;;) {
    try {
      if (channel_.receive(message, never) != os::SocketStatus::ok) {
        _exit(0); // the scheduler is gone, and with it everybody who could want an answer
      }
    } catch (const Error& error) {
      end_process(error.what());
    }
    handle(message);
  }
}

void ControlLoop::handle(ControlMessage& message) {
  switch (message.type) {
  case ControlType::load: load(message); break;
  case ControlType::probe: commands_.push(command::Probe{}); break;
  case ControlType::drain: commands_.push(command::Drain{message.a}); break;
  case ControlType::stop: commands_.push(command::Stop{}); break; // the worker ends the process
  default: handle_lane(message); break;
  }
}

void ControlLoop::load(ControlMessage& message) {
  try {
    command::Load load{call::decode_load_request(message.text), take_descriptor(message), {}};
    if (message.descriptors.size() > 1) {
      load.counters = take_descriptor(message, 1);
    }
    commands_.push(std::move(load));
  } catch (const Error& error) {
    send(ControlType::failed, static_cast<std::uint64_t>(call::LoadFailure::bad_request), 0,
         fmt::format("{}: {}", call::to_string(call::LoadFailure::bad_request), error.what()));
  }
}

// A lane that cannot be set up is given up and reported; the runner and its other lanes go on.
void ControlLoop::handle_lane(ControlMessage& message) {
  try {
    switch (message.type) {
    case ControlType::lane_offer: offer_lane(message); return;
    case ControlType::lane_open: open_lane(message); return;
    case ControlType::lane_drop: drop_lane(message.a); return;
    case ControlType::arena_offer:
    case ControlType::arena_open:
    case ControlType::arena_ready:
    case ControlType::arena_refused:
      // Lane numbers are unique in a fleet: an arena belongs to a lane served here, or to one this runner calls on.
      if (const auto lane = lanes_.find(message.a); lane != lanes_.end()) {
        handle_arena(*lane->second, message);
        return;
      }
      break;
    default: break;
    }
    nested_.handle(message);
  } catch (const Error& error) {
    send(ControlType::violation, message.a, 0,
         fmt::format("{} of lane {}: {}", call::to_string(message.type), message.a, error.what()));
    give_up(message);
  }
}

// So that the scheduler can make another one.
void ControlLoop::give_up(const ControlMessage& message) {
  switch (message.type) {
  case ControlType::lane_offer:
  case ControlType::lane_open:
    if (const auto lane = lanes_.find(message.a); lane == lanes_.end() || !lane->second->is_open()) {
      lanes_.erase(message.a);
      send(ControlType::lane_dropped, message.a);
    }
    return;
  case ControlType::lane_offer_client:
  case ControlType::lane_open_client: send(ControlType::lane_retired, message.a); return;
  case ControlType::arena_offer:
  case ControlType::arena_open:
    tell_scheduler(channel_, {ControlType::arena_refused, message.a, message.b,
                              message.type == ControlType::arena_offer ? 1ULL : 0ULL});
    return;
  default: return;
  }
}

void ControlLoop::offer_lane(ControlMessage& message) {
  if (lanes_.contains(message.a)) {
    throw Error(ErrorCode::already_exists, "a lane of this number exists");
  }
  if (lanes_.size() >= limits::lanes_per_runner_max) {
    throw Error(ErrorCode::limit_reached, fmt::format("a runner serves at most {} lanes", limits::lanes_per_runner_max),
                "start more instances of the module");
  }
  const call::LaneShape shape{.slots = static_cast<std::uint32_t>(message.b),
                              .slot_bytes = static_cast<std::uint32_t>(message.c),
                              .workers = static_cast<std::uint32_t>(message.d)};
  const auto mode = (message.d & spin_bit) != 0 ? call::WaitMode::spin : call::WaitMode::park;
  lanes_.emplace(message.a, std::make_shared<RunnerLane>(message.a, shape, mode, take_descriptor(message), channel_));
  send(ControlType::lane_mapped, message.a);
}

void ControlLoop::open_lane(ControlMessage& message) {
  const auto lane = lanes_.find(message.a);
  if (lane == lanes_.end()) {
    throw Error(ErrorCode::not_found, "no lane of this number was offered");
  }
  lane->second->open(take_descriptor(message));
  commands_.push(command::AddLane{lane->second}); // the worker answers `lane_ready`
}

void ControlLoop::drop_lane(std::uint64_t number) {
  const auto lane = lanes_.find(number);
  if (lane == lanes_.end()) {
    send(ControlType::lane_dropped, number);
    return;
  }
  if (lane->second->is_open()) {
    lane->second->refuse_reply_arena();
    commands_.push(command::DropLane{number}); // the worker answers
  } else {
    send(ControlType::lane_dropped, number);
  }
  lanes_.erase(lane);
}

void ControlLoop::handle_arena(RunnerLane& lane, ControlMessage& message) {
  const auto number = static_cast<std::uint32_t>(message.b);
  switch (message.type) {
  case ControlType::arena_offer:
    lane.map_reply_arena(number, take_descriptor(message));
    send(ControlType::arena_mapped, message.a, message.b);
    break;
  case ControlType::arena_ready: lane.use_reply_arena(number); break;
  case ControlType::arena_refused: lane.refuse_reply_arena(); break;
  case ControlType::arena_open:
    lane.open_request_arena(number, take_descriptor(message));
    send(ControlType::arena_ready, message.a, message.b);
    break;
  default: break;
  }
}

void ControlLoop::send(ControlType type, std::uint64_t a, std::uint64_t b, std::string text) {
  tell_scheduler(channel_, {.type = type, .a = a, .b = b, .text = std::move(text)});
}

} // namespace ringfleet::runner
