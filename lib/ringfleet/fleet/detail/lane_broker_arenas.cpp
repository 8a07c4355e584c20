// The arenas of lanes: made when the side that writes wants one, mapped by that side, then by the reader, then in use.

#include "ringfleet/fleet/detail/lane_broker.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/base/limits.hpp"
#include "ringfleet/memory/segment.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include <fmt/format.h>

namespace ringfleet::fleet {

using call::ControlType;

// Whoever gave up waiting for it and asks again gets that one, or its refusal. A peer that stands still must not make
// its lane grow with every call that wants to be larger than a slot.
bool LaneBroker::is_arena_under_way(const Lane& lane, bool of_client) {
  return std::ranges::any_of(lane.arenas,
                             [&](const Arena& arena) { return arena.of_client == of_client && !arena.is_usable; });
}

LaneBroker::Arena* LaneBroker::begin_arena(Lane& lane, bool of_client, std::uint64_t wanted) {
  std::uint64_t total = 0;
  std::uint64_t last = limits::arena_bytes_first / 2;
  for (const Arena& arena : lane.arenas) {
    if (arena.of_client == of_client) {
      total += arena.bytes;
      last = std::max(last, arena.bytes);
    }
  }
  std::uint32_t& count = of_client ? lane.client_arenas : lane.runner_arenas;
  const std::uint64_t bytes = std::max(2 * last, std::bit_ceil(std::min(wanted, limits::arena_bytes_max)));
  if (count >= limits::arenas_per_side_max || wanted > limits::arena_bytes_max || bytes > limits::arena_bytes_max ||
      total + bytes > limits::arena_bytes_per_side_max) {
    return nullptr;
  }
  Arena arena;
  arena.number = count + 1;
  arena.bytes = bytes;
  arena.of_client = of_client;
  try {
    arena.descriptor = memory::create_anonymous_segment(
        fmt::format("ringfleet lane {} {} arena {}", lane.offer.lane, of_client ? "client" : "runner", arena.number),
        {memory::SegmentKind::arena, bytes, lane.offer.runner, 0});
  } catch (const Error&) {
    return nullptr; // no memory, no descriptor: the asker's payload does not fit, and its call says so
  }
  ++count;
  lane.arenas.push_back(std::move(arena));
  return &lane.arenas.back();
}

void LaneBroker::arena_wanted_by_runner(Runner& runner, std::uint64_t id, std::uint64_t bytes) {
  Lane* lane = find(id);
  if (lane == nullptr || lane->runner != &runner || is_arena_under_way(*lane, false)) {
    return;
  }
  if (const Arena* arena = begin_arena(*lane, false, bytes)) {
    runner.send({ControlType::arena_offer, id, arena->number, arena->bytes}, std::array{arena->descriptor.get()});
  } else {
    runner.send({ControlType::arena_refused, id, 0, bytes});
  }
}

void LaneBroker::arena_wanted_by_client(ClientLink& client, std::uint64_t id, std::uint64_t bytes) {
  Lane* lane = find(id);
  if (lane == nullptr || lane->client != &client || is_arena_under_way(*lane, true)) {
    return;
  }
  const Arena* arena = begin_arena(*lane, true, bytes);
  if (arena == nullptr) {
    client.refuse_arena(id, bytes);
    return;
  }
  const std::uint32_t number = arena->number;
  try {
    if (client.offer_arena(id, number, arena->bytes, arena->descriptor)) {
      arena_mapped_by_client(client, id, number);
    }
  } catch (const Error&) {
    undo_arena(*lane, true, number);
  }
}

// Somebody could not take it: it never was, and whoever asked for it does without. Its number is free again, because
// arenas of one side are made one after the other.
void LaneBroker::undo_arena(Lane& lane, bool of_client, std::uint32_t number) {
  const auto found = std::ranges::find_if(
      lane.arenas, [&](const Arena& arena) { return arena.of_client == of_client && arena.number == number; });
  std::uint32_t& count = of_client ? lane.client_arenas : lane.runner_arenas;
  if (found == lane.arenas.end() || number != count || found->is_usable) {
    return;
  }
  const std::uint64_t bytes = found->bytes;
  lane.arenas.erase(found);
  --count;
  if (of_client) {
    lane.client->refuse_arena(lane.offer.lane, bytes);
  } else {
    lane.runner->send({ControlType::arena_refused, lane.offer.lane, 0, bytes});
  }
}

void LaneBroker::arena_refused_by_runner(const Runner& runner, std::uint64_t id, std::uint32_t number, bool own) {
  if (Lane* lane = find(id); lane != nullptr && lane->runner == &runner) {
    undo_arena(*lane, !own, number);
  }
}

void LaneBroker::arena_refused_by_client(const ClientLink& client, std::uint64_t id, std::uint32_t number, bool own) {
  if (Lane* lane = find(id); lane != nullptr && lane->client == &client) {
    undo_arena(*lane, own, number);
  }
}

LaneBroker::Arena* LaneBroker::find_arena(Lane& lane, bool of_client, std::uint32_t number) {
  const auto found = std::ranges::find_if(lane.arenas, [&](const Arena& arena) {
    return arena.of_client == of_client && arena.number == number && arena.descriptor;
  });
  return found == lane.arenas.end() ? nullptr : &*found;
}

// Written by the runner, read by the client.
void LaneBroker::arena_mapped_by_runner(Runner& runner, std::uint64_t id, std::uint32_t number) {
  Lane* lane = find(id);
  if (lane == nullptr || lane->runner != &runner) {
    return;
  }
  if (Arena* arena = find_arena(*lane, false, number)) {
    try {
      memory::seal_segment(arena->descriptor, fmt::format("lane {} runner arena {}", id, number));
      const bool done = lane->client->open_arena(id, number, arena->descriptor);
      arena->descriptor.reset();
      if (done) {
        arena_ready_at_client(*lane->client, id, number);
      }
    } catch (const Error&) {
      undo_arena(*lane, false, number);
    }
  }
}

// Written by the client, read by the runner.
void LaneBroker::arena_mapped_by_client(ClientLink& client, std::uint64_t id, std::uint32_t number) {
  Lane* lane = find(id);
  if (lane == nullptr || lane->client != &client) {
    return;
  }
  if (Arena* arena = find_arena(*lane, true, number)) {
    try {
      memory::seal_segment(arena->descriptor, fmt::format("lane {} client arena {}", id, number));
      lane->runner->send({ControlType::arena_open, id, number}, std::array{arena->descriptor.get()});
      arena->descriptor.reset();
    } catch (const Error&) {
      undo_arena(*lane, true, number);
    }
  }
}

void LaneBroker::arena_ready_at_runner(Runner& runner, std::uint64_t id, std::uint32_t number) {
  if (Lane* lane = find(id); lane != nullptr && lane->runner == &runner && make_usable(*lane, true, number)) {
    lane->client->arena_usable(id, number);
  }
}

void LaneBroker::arena_ready_at_client(ClientLink& client, std::uint64_t id, std::uint32_t number) {
  if (Lane* lane = find(id); lane != nullptr && lane->client == &client && make_usable(*lane, false, number)) {
    lane->runner->send({ControlType::arena_ready, id, number});
  }
}

// False if its reader speaks of one that was never given to it, or speaks twice.
bool LaneBroker::make_usable(Lane& lane, bool of_client, std::uint32_t number) {
  const auto found = std::ranges::find_if(lane.arenas, [&](const Arena& arena) {
    return arena.of_client == of_client && arena.number == number && !arena.descriptor && !arena.is_usable;
  });
  if (found == lane.arenas.end()) {
    return false;
  }
  found->is_usable = true;
  return true;
}

} // namespace ringfleet::fleet
