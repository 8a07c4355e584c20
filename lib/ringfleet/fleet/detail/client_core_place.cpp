// Placing a call: pick a lane inside a route epoch and publish the request there; wait where there is none or all are
// full.

#include "ringfleet/base/limits.hpp"
#include "ringfleet/fleet/detail/client_core.hpp"
#include "ringfleet/os/futex.hpp"
#include "ringfleet/policy/balance.hpp"

#include <algorithm>
#include <array>
#include <bitset>

#include <fmt/format.h>

namespace ringfleet::fleet {
namespace {

using namespace std::chrono_literals;

// A caller that found every lane full waits for one of them, and looks at the others again this often.
constexpr auto full_lane_slice = 20ms;
// A grant of arena memory takes a round trip through scheduler and runner; a fleet that does not answer for so long, or
// until the call's deadline, has no space.
constexpr MonotonicNs arena_wait = 5'000'000'000;
// Who is refused asks the scheduler why: until its deadline, within these bounds. The answer serves every call to the
// module for a while, so that callers who try again and again do not keep the scheduler busy.
constexpr Nanoseconds reason_wait_min = 100ms;
constexpr Nanoseconds reason_wait_max = 5s;
constexpr auto reason_fresh = 100ms;

} // namespace

// One look at the route, inside an epoch section: the request is published before the section ends.
ClientCore::Attempt ClientCore::attempt(ModuleView& module, EpochLine& line, const call::RequestFields& fields,
                                        std::span<const std::byte> args, call::Delivery delivery) {
  const EpochSection<> section(line, route_);
  const PickTable* table = &module.table();
  if (table->epoch != section.epoch()) {
    const std::lock_guard lock(mutex_);
    table = &rebuild(module, section.epoch());
  }
  Attempt result;
  result.service = table->service;
  result.generation = table->generation;
  std::bitset<limits::runners_max> tried;
  for (std::size_t round = 0; round < table->lanes.size(); ++round) {
    const auto lane_view = [&](std::size_t index) {
      return policy::Target{table->lanes[index]->pending.peek(), 1, tried[index]};
    };
    // The turn decides between equals only, so a lost update does no harm.
    const std::uint64_t turn = module.turn.peek();
    module.turn.set(turn + 1);
    const std::size_t picked =
        table->lanes.size() == 1 ? 0 : policy::pick_least_pending(table->lanes.size(), lane_view, turn);
    if (picked == policy::no_target) {
      break;
    }
    tried.set(picked);
    LaneEntry* entry = table->lanes[picked];
    const call::Started started = entry->lane->start(fields, args, delivery, 0);
    switch (started.status) {
    case call::StartStatus::started:
      entry->pending.add(1);
      result.placement = {entry, started.position, CallStatus::ok};
      break;
    case call::StartStatus::lane_full:
      if (result.full == nullptr) {
        result.full = entry;
      }
      continue;
    case call::StartStatus::too_large: result.placement.failure = CallStatus::too_large; break;
    case call::StartStatus::no_space:
      // A lane whose runner died or left while an arena was on its way: another one has the room.
      if (entry->retired.observe() != 0 || entry->lane->is_closed()) {
        continue;
      }
      result.placement.failure = CallStatus::no_space;
      break;
    case call::StartStatus::closed:
    case call::StartStatus::dead: continue;
    }
    break;
  }
  if (result.placement.lane != nullptr || result.placement.failure != CallStatus::ok) {
    result.full = nullptr;
  } else if (result.full != nullptr) {
    result.full->pins.add(1);
  }
  return result;
}

ClientCore::Placement ClientCore::place(ModuleView& module, const call::RequestFields& fields,
                                        std::span<const std::byte> args, call::Delivery delivery, Patience patience) {
  for (;;) {
    if (shut_down_.observe() != 0) {
      return {nullptr, 0, CallStatus::shut_down};
    }
    const std::uint32_t seen = news_.value(); // before looking: what happens afterwards wakes us
    Attempt result;
    if (EpochLine* line = lines_.own()) {
      result = attempt(module, *line, fields, args, delivery);
    } else {
      auto shared = lines_.shared();
      result = attempt(module, shared.line(), fields, args, delivery);
    }
    if (result.placement.lane != nullptr || result.placement.failure != CallStatus::ok) {
      return result.placement;
    }
    const MonotonicNs now = monotonic_now();
    if (result.full != nullptr) {
      call::Started started{call::StartStatus::lane_full, 0};
      if (patience == Patience::wait && now < fields.deadline) {
        started = result.full->lane->start(fields, args, delivery,
                                           std::min(fields.deadline, deadline_after(now, full_lane_slice)));
      }
      if (started.status == call::StartStatus::started) {
        result.full->pending.add(1);
      }
      result.full->pins.subtract(1);
      if (started.status == call::StartStatus::started) {
        return {result.full, started.position, CallStatus::ok};
      }
      if (patience == Patience::none || monotonic_now() >= fields.deadline) {
        return {nullptr, 0, CallStatus::lane_full};
      }
      continue;
    }
    if (result.service == Service::absent) {
      if (patience == Patience::wait && subscribe_again(module, result.generation)) {
        continue;
      }
      return {nullptr, 0, CallStatus::unknown_module};
    }
    if (result.service == Service::failed || patience == Patience::none || now >= fields.deadline ||
        scheduler_gone_.observe() != 0) {
      return {nullptr, 0, CallStatus::no_runner};
    }
    const std::array words{news_.park_word(seen)};
    (void)os::futex_wait_any(words, fields.deadline);
  }
}

Reply ClientCore::not_placed(ModuleView& module, const call::RequestFields& fields, CallStatus why) {
  Reply reply = failure(module, fields.method, why);
  if (why == CallStatus::no_runner) {
    reply.error_ += fmt::format(": {}", why_unserved(module, fields.deadline));
  }
  return reply;
}

std::string ClientCore::why_unserved(ModuleView& module, MonotonicNs deadline) {
  if (scheduler_gone_.observe() != 0) {
    return "the scheduler is gone, and its runners with it (start the fleet again with 'ringfleet up FILE')";
  }
  if (!control_.why_unserved || thread_number() == control_thread_.peek()) {
    return "'ringfleet status' says why"; // it is the one who would bring the answer
  }
  const MonotonicNs now = monotonic_now();
  {
    const std::lock_guard lock(mutex_);
    if (now < module.refusal.fresh_until) {
      return module.refusal.reason;
    }
  }
  const auto left = Nanoseconds(static_cast<std::int64_t>(deadline > now ? std::min(deadline - now, never / 2) : 0));
  std::string reason = control_.why_unserved(module.name, std::clamp(left, reason_wait_min, reason_wait_max));
  const std::lock_guard lock(mutex_);
  module.refusal = {reason, deadline_after(monotonic_now(), reason_fresh)};
  return reason;
}

bool ClientCore::grow_arena(LaneEntry& entry, std::uint64_t bytes, MonotonicNs deadline) {
  if (thread_number() == control_thread_.peek()) {
    return false; // it is the one who would bring the arena
  }
  std::unique_lock lock(entry.mutex);
  if (entry.retired.observe() != 0) {
    return false; // nobody answers any more
  }
  const MonotonicNs now = monotonic_now();
  if (now >= deadline) {
    return false;
  }
  const auto left = Nanoseconds(static_cast<std::int64_t>(std::min(deadline - now, arena_wait)));
  entry.arena_awaited = true;
  entry.arena_granted = false;
  control_.want_arena(entry.offer.lane, bytes);
  entry.arena_changed.wait_for(lock, left, [&] { return !entry.arena_awaited; });
  entry.arena_awaited = false;
  return entry.arena_granted;
}

} // namespace ringfleet::fleet
