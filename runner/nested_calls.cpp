#include "nested_calls.hpp"

#include "scheduler_link.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/call/method_id.hpp"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ringfleet::runner {

using call::ControlMessage;
using call::ControlType;

CallStatus NestedCalls::call(const OutgoingCall& request, Reply& reply) {
  const auto passed = static_cast<std::size_t>(std::ranges::find(request.chain, 0) - request.chain.begin());
  if (passed + 1 >= limits::call_depth_max) {
    return CallStatus::call_too_deep;
  }
  call::Chain chain = request.chain;
  chain[passed] = own_number_;

  Lock lock(mutex_);
  const Target* const target = subscribe(std::string(request.module), request.deadline, lock);
  if (target == nullptr) {
    return CallStatus::deadline_exceeded;
  }
  if (target->answer == Answer::refused) {
    return CallStatus::unknown_module;
  }
  if (std::ranges::find(chain, target->number) != chain.end()) {
    return CallStatus::call_cycle;
  }
  const call::RequestFields fields{
      .method = call::method_id(request.method), .deadline = request.deadline, .chain = chain};
  for (;;) {
    const LanePtr lane = pick(target->number, request.deadline, lock);
    if (!lane) {
      return CallStatus::no_runner;
    }
    lock.unlock();
    CallStatus status = CallStatus::ok;
    if (attempt(*lane, fields, request, reply, status) == Attempt::finished) {
      return status;
    }
    lock.lock();
  }
}

NestedCalls::Attempt NestedCalls::attempt(NestedLane& lane, const call::RequestFields& fields,
                                          const OutgoingCall& request, Reply& reply, CallStatus& status) {
  call::CallerLane& caller = lane.caller();
  const call::Started started = caller.start(fields, request.args, call::Delivery::held, request.deadline);
  switch (started.status) {
  case call::StartStatus::started: break;
  case call::StartStatus::closed:
  case call::StartStatus::dead: return Attempt::elsewhere;
  case call::StartStatus::lane_full: status = CallStatus::lane_full; return Attempt::finished;
  case call::StartStatus::too_large: status = CallStatus::too_large; return Attempt::finished;
  case call::StartStatus::no_space: status = CallStatus::no_space; return Attempt::finished;
  }
  const std::uint64_t position = started.position;
  const call::Waited waited = caller.wait(position, request.deadline);
  switch (waited.status) {
  case call::WaitStatus::replied:
    status = waited.reply.status;
    reply.module_code = waited.reply.module_code;
    if (reply.on_reply != nullptr && (status == CallStatus::ok || !waited.reply.bytes.empty())) {
      reply.on_reply(reply.user, waited.reply.bytes.data(), waited.reply.bytes.size());
    }
    if (!waited.moved) {
      caller.release(position);
    }
    return Attempt::finished;
  case call::WaitStatus::never_executed: caller.abandon(position); return Attempt::elsewhere;
  case call::WaitStatus::dead: {
    const bool was_queued = caller.fate(position) == call::Fate::queued;
    caller.abandon(position);
    status = CallStatus::runner_lost;
    return was_queued ? Attempt::elsewhere : Attempt::finished;
  }
  case call::WaitStatus::bad_reply:
    caller.abandon(position);
    status = CallStatus::bad_reply;
    return Attempt::finished;
  case call::WaitStatus::timed_out:
  case call::WaitStatus::taken:
    caller.cancel(position);
    caller.abandon(position);
    status = CallStatus::deadline_exceeded;
    return Attempt::finished;
  }
  return Attempt::finished;
}

bool NestedCalls::wait_for_change(MonotonicNs deadline, Lock& lock) {
  if (deadline == never) {
    changed_.wait(lock);
    return true;
  }
  const std::chrono::steady_clock::time_point until{Nanoseconds(deadline)};
  return changed_.wait_until(lock, until) == std::cv_status::no_timeout;
}

const NestedCalls::Target* NestedCalls::subscribe(const std::string& module, MonotonicNs deadline, Lock& lock) {
  const auto [known, is_new] = targets_.try_emplace(module);
  if (is_new || known->second.answer == Answer::refused) {
    known->second.answer = Answer::awaited; // a module that was unknown may have been loaded since
    send(ControlType::call_wanted, own_number_, 0, module);
  }
  while (known->second.answer == Answer::awaited) {
    if (!wait_for_change(deadline, lock) && known->second.answer == Answer::awaited) {
      return nullptr;
    }
  }
  return &known->second;
}

NestedCalls::LanePtr NestedCalls::usable_lane(std::uint16_t number) {
  const auto usable = [number](const auto& entry) {
    NestedLane& lane = *entry.second;
    return lane.module_number() == number && lane.is_open() && !lane.caller().is_dead() && !lane.caller().is_closed();
  };
  auto found = std::find_if(lanes_.upper_bound(turn_), lanes_.end(), usable);
  if (found == lanes_.end()) {
    found = std::ranges::find_if(lanes_, usable);
  }
  if (found == lanes_.end()) {
    return nullptr;
  }
  turn_ = found->first;
  return found->second;
}

NestedCalls::LanePtr NestedCalls::pick(std::uint16_t number, MonotonicNs deadline, Lock& lock) {
  for (;;) {
    if (auto lane = usable_lane(number)) {
      return lane;
    }
    if (!wait_for_change(deadline, lock)) {
      return usable_lane(number);
    }
  }
}

NestedCalls::LanePtr NestedCalls::find(std::uint64_t lane) {
  const std::lock_guard lock(mutex_);
  const auto found = lanes_.find(lane);
  return found == lanes_.end() ? nullptr : found->second;
}

void NestedCalls::handle(ControlMessage& message) {
  switch (message.type) {
  case ControlType::subscribed:
  case ControlType::refused: {
    const std::lock_guard lock(mutex_);
    for (auto& [module, target] : targets_) {
      // One module is asked for at a time: a refusal, whose text is for people, belongs to the one that waits.
      if (target.answer == Answer::awaited && (message.type == ControlType::refused || module == message.text)) {
        target.answer = message.type == ControlType::subscribed ? Answer::subscribed : Answer::refused;
        target.number = static_cast<std::uint16_t>(message.a);
      }
    }
    break;
  }
  case ControlType::lane_offer_client: {
    auto lane = std::make_shared<NestedLane>(message, channel_, obituary_);
    const std::lock_guard lock(mutex_);
    lanes_.insert_or_assign(lane->id(), std::move(lane));
    send(ControlType::lane_mapped_client, message.a);
    break;
  }
  case ControlType::lane_open_client:
    if (const auto lane = find(message.a); lane && !message.descriptors.empty()) {
      const std::lock_guard lock(mutex_);
      lane->open(std::move(message.descriptors.front()));
      send(ControlType::lane_ready_client, message.a);
    }
    break;
  case ControlType::runner_died: runner_died(message.a); break;
  case ControlType::lane_retired: {
    const std::lock_guard lock(mutex_);
    lanes_.erase(message.a);
    break;
  }
  case ControlType::lane_closed:
  case ControlType::route_changed: break; // the lane's own words say the same, and earlier
  default:
    if (const auto lane = find(message.a); lane && lane->is_open()) {
      handle_arena(*lane, message);
    }
    break;
  }
  const std::lock_guard lock(mutex_);
  changed_.notify_all();
}

void NestedCalls::handle_arena(NestedLane& lane, ControlMessage& message) {
  const auto number = static_cast<std::uint32_t>(message.b);
  switch (message.type) {
  case ControlType::arena_offer:
  case ControlType::arena_open:
    if (message.descriptors.empty()) {
      throw Error(ErrorCode::bad_message, fmt::format("arena {} without a descriptor", number));
    }
    if (message.type == ControlType::arena_offer) {
      lane.arenas().map_own(number, lane.caller().next_arena_number(), std::move(message.descriptors.front()));
      send(ControlType::arena_mapped, message.a, number);
    } else if (lane.caller().open_reply_arena(number,
                                              lane.arenas().map_other(std::move(message.descriptors.front())))) {
      send(ControlType::arena_ready, message.a, number);
    }
    break;
  case ControlType::arena_ready:
    if (number == lane.caller().next_arena_number()) {
      lane.caller().add_arena(lane.arenas().own(number));
    }
    lane.arenas().ring();
    break;
  case ControlType::arena_refused: lane.arenas().ring(); break;
  default: break; // a newer scheduler's news: not for this runner
  }
}

void NestedCalls::runner_died(std::uint64_t runner) {
  std::vector<LanePtr> dead;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, lane] : lanes_) {
      if (lane->runner() == runner) {
        dead.push_back(lane);
      }
    }
    std::erase_if(lanes_, [runner](const auto& entry) { return entry.second->runner() == runner; });
  }
  for (const LanePtr& lane : dead) {
    if (lane->is_open()) {
      lane->caller().mark_dead();
    }
  }
  obituary_.announce();
}

void NestedCalls::send(ControlType type, std::uint64_t a, std::uint64_t b, std::string text) {
  tell_scheduler(channel_, {.type = type, .a = a, .b = b, .text = std::move(text)});
}

} // namespace ringfleet::runner
