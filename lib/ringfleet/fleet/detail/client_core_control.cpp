// The control thread's half of ClientCore: lanes come and go, runners die, loose calls move.

#include "ringfleet/base/error.hpp"
#include "ringfleet/base/limits.hpp"
#include "ringfleet/call/handshake.hpp"
#include "ringfleet/fleet/detail/client_core.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace ringfleet::fleet {

LaneEntry* ClientCore::find(std::uint64_t lane) {
  const auto found = lanes_.find(lane);
  return found == lanes_.end() ? nullptr : found->second.get();
}

LaneEntry* ClientCore::find_locked(std::uint64_t lane) {
  const std::lock_guard lock(mutex_);
  return find(lane);
}

void ClientCore::lane_offered(const LaneOffer& offer, os::Descriptor requests) {
  control_thread_.set(thread_number());
  if (!call::is_valid(offer.shape)) {
    throw Error(
        ErrorCode::bad_message,
        fmt::format("take lane {} of {} slots of {} bytes", offer.lane, offer.shape.slots, offer.shape.slot_bytes),
        "use the same release of ringfleet on both sides");
  }
  auto segment = memory::Segment::attach_writer(std::move(requests),
                                                {memory::SegmentKind::requests, call::client_body_bytes(offer.shape),
                                                 call::lane_fingerprint(offer.shape), offer.runner},
                                                fmt::format("lane {} requests", offer.lane));
  segment.close_descriptor();
  auto entry = std::make_unique<LaneEntry>(offer, std::move(segment));
  const auto facts = call::decode_module_description(offer.facts);
  entry->lists_methods = facts.abi > 1;
  for (const auto& method : facts.methods) {
    if (method.idempotent) {
      entry->idempotent.push_back(method.id);
    }
  }
  std::ranges::sort(entry->idempotent);
  const std::lock_guard lock(mutex_);
  entry->version = version_name(facts.version);
  lanes_.emplace(offer.lane, std::move(entry));
}

// Under the lock. Replies show it as long as this object lives, so none is ever given back.
std::string_view ClientCore::version_name(const std::string& version) {
  if (versions_.size() < limits::client_versions_max) {
    return *versions_.insert(version).first;
  }
  const auto known = versions_.find(version);
  return known == versions_.end() ? std::string_view("unknown") : *known;
}

void ClientCore::lane_opened(std::uint64_t lane, os::Descriptor replies) {
  {
    const std::lock_guard lock(mutex_);
    LaneEntry* entry = find(lane);
    if (entry == nullptr || entry->lane) {
      return;
    }
    const LaneOffer& offer = entry->offer;
    entry->replies = memory::Segment::attach_reader(std::move(replies),
                                                    {memory::SegmentKind::replies, call::runner_body_bytes(offer.shape),
                                                     call::lane_fingerprint(offer.shape), offer.runner},
                                                    fmt::format("lane {} replies", lane));
    entry->replies.close_descriptor();
    call::CallerLaneOptions options;
    options.mode = offer.spin ? call::WaitMode::spin : call::WaitMode::park;
    options.obituary = &news_;
    options.arena_wanted = [this, entry](std::uint64_t bytes, MonotonicNs deadline) {
      return grow_arena(*entry, bytes, deadline);
    };
    entry->lane = std::make_unique<call::CallerLane>(offer.shape, entry->requests.writable_body(),
                                                     entry->replies.body(), std::move(options));
    for (auto& [name, module] : modules_) {
      if (module->number.peek() == offer.module) {
        entry->module = module.get();
        (void)rebuild(*module, route_.epoch());
      }
    }
  }
  redeliver_waiting();
  news_.announce();
  collect_garbage();
}

void ClientCore::lane_refused(std::uint64_t lane) {
  const std::lock_guard lock(mutex_);
  if (const LaneEntry* entry = find(lane); entry != nullptr && !entry->lane) {
    lanes_.erase(lane);
  }
}

// Under the lock. The caller may be inside an epoch section of `epoch`; the route may have moved on, then the next
// section sees it.
const PickTable& ClientCore::rebuild(ModuleView& module, std::uint64_t epoch) {
  auto table = std::make_unique<PickTable>();
  table->epoch = epoch;
  table->generation = module.generation.peek();
  const std::uint32_t number = module.number.observe();
  std::optional<RouteModule> route = route_.read(number, epoch);
  while (!route) {
    table->epoch = route_.epoch();
    route = route_.read(number, table->epoch);
  }
  const bool same = route->generation == (table->generation & generation_mask);
  table->service = same ? route->service : Service::absent;
  for (auto& [id, entry] : lanes_) {
    if (same && entry->lane && entry->retired.peek() == 0 && entry->offer.module == number &&
        std::ranges::find(route->runners, entry->offer.runner) != route->runners.end()) {
      entry->module = &module;
      table->lanes.push_back(entry.get());
    }
  }
  const PickTable& result = *table;
  auto old = module.replace(std::move(table));
  retired_.add(std::move(old), lines_inside());
  return result;
}

// The lines on which a thread is inside right now, a bit each.
std::uint64_t ClientCore::lines_inside() const {
  Atomics::store_load_barrier();
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < limits::epoch_lines; ++i) {
    if (Atomics::load_acquire(epoch_layout_.lines[i].inside) != 0) {
      bits |= 1ULL << i;
    }
  }
  return bits;
}

void ClientCore::runner_died(std::uint64_t runner, std::string_view cause) {
  std::vector<LaneEntry*> dead;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [id, entry] : lanes_) {
      if (entry->offer.runner == runner && entry->retired.peek() == 0) {
        entry->cause = cause;
        entry->retired.publish(1);
        dead.push_back(entry.get());
      }
    }
  }
  for (LaneEntry* entry : dead) {
    {
      const std::lock_guard lock(entry->mutex);
      entry->arena_awaited = false;
    }
    entry->arena_changed.notify_all();
    if (entry->lane) {
      entry->lane->mark_dead();
    }
  }
  news_.announce();
  for (LaneEntry* entry : dead) {
    if (entry->lane) {
      redeliver_loose(*entry);
    }
  }
  {
    // Every table that names one of them, whatever module it is of: they are freed when none does.
    const std::lock_guard lock(mutex_);
    for (auto& [name, module] : modules_) {
      if (std::ranges::any_of(module->table().lanes, [](const LaneEntry* lane) { return lane->retired.peek() != 0; })) {
        (void)rebuild(*module, route_.epoch());
      }
    }
  }
  collect_garbage();
}

void ClientCore::lane_closed(std::uint64_t lane) {
  LaneEntry* entry = find_locked(lane);
  if (entry != nullptr && entry->lane) {
    redeliver_loose(*entry);
  }
}

// Loose calls that the runner will never answer, and that may be executed elsewhere, are taken and sent there.
void ClientCore::redeliver_loose(LaneEntry& entry) {
  std::vector<std::uint64_t> loose;
  entry.lane->for_each_loose([&](std::uint64_t position) { loose.push_back(position); });
  for (const std::uint64_t position : loose) {
    // A started call of an idempotent method is repeated by whoever waits for it.
    const bool moves =
        entry.lane->is_dead() ? entry.lane->fate(position) == call::Fate::queued : entry.lane->never_executed(position);
    if (!moves || entry.lane->is_cancelled(position)) {
      continue; // whoever waits for it finds that out
    }
    {
      const std::lock_guard lock(entry.mutex);
      if (!entry.lane->take(position)) {
        continue; // its owner was faster
      }
      entry.forwards.emplace(position, LaneEntry::Forward{});
    }
    entry.pending.subtract(1);
    if (!redeliver(entry, position)) {
      waiting_.emplace_back(&entry, position);
    }
  }
}

// True when the call is elsewhere or nobody wants it any more; false when no lane has room now.
bool ClientCore::redeliver(LaneEntry& from, std::uint64_t position) {
  const std::lock_guard lock(from.mutex);
  const auto found = from.forwards.find(position);
  if (found == from.forwards.end() || found->second.lane != nullptr) {
    return true; // whoever waited for it has taken it on
  }
  if (found->second.dropped) {
    from.forwards.erase(found);
    from.lane->abandon(position);
    return true;
  }
  const Placement placement = place(*from.module, from.lane->request_fields(position),
                                    from.lane->request_payload(position), call::Delivery::loose, Patience::none);
  if (placement.lane == nullptr) {
    return false;
  }
  found->second.lane = placement.lane;
  found->second.position = placement.position;
  from.lane->abandon(position);
  return true;
}

void ClientCore::redeliver_waiting() {
  std::erase_if(waiting_, [this](const auto& item) { return redeliver(*item.first, item.second); });
}

void ClientCore::arena_offered(std::uint64_t lane, std::uint32_t number, os::Descriptor arena) {
  auto segment =
      memory::Segment::attach_writer(std::move(arena), {memory::SegmentKind::arena, limits::arena_bytes_first, 0},
                                     fmt::format("lane {} arena {}", lane, number));
  segment.close_descriptor();
  if (LaneEntry* entry = find_locked(lane)) {
    if (entry->lane && entry->lane->next_arena_number() > limits::arenas_per_side_max) {
      throw Error(ErrorCode::limit_reached, fmt::format("take arena {} of lane {}", number, lane),
                  fmt::format("a lane has at most {}", limits::arenas_per_side_max));
    }
    const std::lock_guard lock(entry->mutex);
    entry->arena_offered = std::move(segment);
  }
}

void ClientCore::arena_usable(std::uint64_t lane, std::uint32_t number) {
  LaneEntry* entry = find_locked(lane);
  if (entry == nullptr || !entry->lane) {
    return;
  }
  {
    const std::lock_guard lock(entry->mutex);
    // The runner looks under this number for what is written to it.
    if (!entry->arena_offered || number != entry->lane->next_arena_number()) {
      return;
    }
    entry->lane->add_arena(entry->arena_offered.writable_body());
    entry->arenas.push_back(std::move(entry->arena_offered));
    entry->arena_offered = memory::Segment();
    entry->arena_awaited = false;
    entry->arena_granted = true;
  }
  entry->arena_changed.notify_all();
}

void ClientCore::arena_refused(std::uint64_t lane) {
  if (LaneEntry* entry = find_locked(lane)) {
    {
      const std::lock_guard lock(entry->mutex);
      entry->arena_awaited = false;
    }
    entry->arena_changed.notify_all();
  }
}

void ClientCore::arena_opened(std::uint64_t lane, std::uint32_t number, os::Descriptor arena) {
  auto segment =
      memory::Segment::attach_reader(std::move(arena), {memory::SegmentKind::arena, limits::arena_bytes_first, 0},
                                     fmt::format("lane {} runner arena {}", lane, number));
  segment.close_descriptor();
  LaneEntry* entry = find_locked(lane);
  if (entry != nullptr && entry->lane && entry->lane->open_reply_arena(number, segment.body())) {
    const std::lock_guard lock(entry->mutex);
    entry->arenas.push_back(std::move(segment));
  }
}

void ClientCore::route_changed() {
  news_.announce();
  collect_garbage();
}

void ClientCore::scheduler_died() {
  scheduler_gone_.publish(1);
  news_.announce();
}

} // namespace ringfleet::fleet
