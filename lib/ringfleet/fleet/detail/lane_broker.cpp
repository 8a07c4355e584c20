#include "ringfleet/fleet/detail/lane_broker.hpp"

#include "ringfleet/base/atomics.hpp"
#include "ringfleet/base/error.hpp"
#include "ringfleet/base/limits.hpp"
#include "ringfleet/call/lane_segment.hpp"
#include "ringfleet/memory/segment.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

namespace ringfleet::fleet {
namespace {

using call::ControlMessage;
using call::ControlType;

bool any_hung(const memory::Segment& replies, std::vector<policy::HangWatch>& workers, const policy::OwnTime& own) {
  const std::byte* lines = replies.body().data() + call::progress_offset;
  bool hung = false;
  for (std::size_t worker = 0; worker < workers.size(); ++worker) {
    const auto& line = reinterpret_cast<const call::Progress*>(lines)[worker];
    // SYNC lane.progress: acquire; pairs with release in LaneServer::start. Publishes: the deadline of the call.
    const std::uint64_t stamp = Atomics::load_acquire(line.first_stamp);
    const std::uint64_t deadline = Atomics::load_relaxed(line.deadline_ns);
    hung |= workers[worker].sample(own, {stamp, deadline}) == policy::HangVerdict::hung;
  }
  return hung;
}

} // namespace

// A step that fails for want of descriptors or memory in this process ends the lane, not the runner and not the
// scheduler; the supervisor makes another one at its next tick.
template <typename Step>
void LaneBroker::step(Lane& lane, Step&& take) {
  try {
    take();
  } catch (const Error& error) {
    const std::uint64_t id = lane.offer.lane;
    lane.client->lane_refused(id, error.what());
    lane.runner->send({ControlType::lane_drop, id});
    lanes_.erase(id);
    on_change_();
  }
}

LaneBroker::Lane* LaneBroker::find(std::uint64_t lane) {
  const auto found = lanes_.find(lane);
  return found == lanes_.end() ? nullptr : &found->second;
}

bool LaneBroker::connected(const Runner& runner, const ClientLink& client) const {
  return std::ranges::any_of(
      lanes_, [&](const auto& item) { return item.second.runner == &runner && item.second.client == &client; });
}

bool LaneBroker::pending(const Runner& runner) const {
  return std::ranges::any_of(
      lanes_, [&](const auto& item) { return item.second.runner == &runner && !item.second.established; });
}

std::uint64_t LaneBroker::lanes_of(const Runner& runner) const {
  return static_cast<std::uint64_t>(std::ranges::count_if(
      lanes_, [&](const auto& item) { return item.second.runner == &runner && item.second.established; }));
}

void LaneBroker::connect(Runner& runner, ClientLink& client, const call::LaneShape& shape, bool spin) {
  const auto in_use = std::ranges::count_if(lanes_, [&](const auto& item) { return item.second.runner == &runner; });
  if (in_use >= static_cast<std::ptrdiff_t>(limits::lanes_per_runner_max)) {
    throw Error(ErrorCode::limit_reached,
                fmt::format("open a lane between {} and runner {} of module '{}': it serves {} clients already",
                            client.name(), runner.serial(), runner.spec().module, in_use),
                fmt::format("a runner parks on at most {} lanes; use more instances or fewer client processes",
                            limits::lanes_per_runner_max));
  }
  const std::uint64_t id = next_lane_++;
  Lane lane;
  lane.offer = {id, runner.serial(), runner.spec().number, shape, spin, runner.facts_text()};
  lane.runner = &runner;
  lane.client = &client;
  lane.workers.resize(shape.workers);
  lane.requests =
      memory::create_anonymous_segment(fmt::format("ringfleet lane {} requests", id),
                                       call::lane_segment_spec(memory::SegmentKind::requests, shape, runner.serial()));
  lane.replies =
      memory::create_anonymous_segment(fmt::format("ringfleet lane {} replies", id),
                                       call::lane_segment_spec(memory::SegmentKind::replies, shape, runner.serial()));

  ControlMessage to_runner{ControlType::lane_offer, id, shape.slots, shape.slot_bytes};
  to_runner.d = shape.workers | static_cast<std::uint64_t>(spin) << 32;
  Lane& kept = lanes_.emplace(id, std::move(lane)).first->second;
  runner.send(to_runner, std::array{kept.replies.get()});
  try {
    kept.client_mapped = client.offer_lane(kept.offer, kept.requests);
  } catch (...) {
    runner.send({ControlType::lane_drop, id});
    lanes_.erase(id);
    throw;
  }
}

// A lane that one side could not take, for want of descriptors or memory there: the other one lets go of it, and the
// supervisor makes another one at its next tick.
void LaneBroker::client_refused(ClientLink& client, std::uint64_t id) {
  if (Lane* lane = find(id); lane != nullptr && lane->client == &client && !lane->established) {
    lane->runner->send({ControlType::lane_drop, id});
    lanes_.erase(id);
    on_change_();
  }
}

void LaneBroker::runner_mapped(Runner& runner, std::uint64_t id) {
  if (Lane* lane = find(id); lane != nullptr && lane->runner == &runner && !lane->runner_mapped) {
    lane->runner_mapped = true;
    step(*lane, [&] {
      memory::seal_segment(lane->replies, fmt::format("lane {} replies", id));
      open_if_sealed(*lane);
    });
  }
}

void LaneBroker::client_mapped(ClientLink& client, std::uint64_t id) {
  if (Lane* lane = find(id); lane != nullptr && lane->client == &client && !lane->client_mapped) {
    lane->client_mapped = true;
    step(*lane, [&] { open_if_sealed(*lane); });
  }
}

// Both writers have mapped what is theirs: from here on nobody else can ever write it.
void LaneBroker::open_if_sealed(Lane& lane) {
  if (!lane.runner_mapped || !lane.client_mapped || lane.opened_at_runner) {
    return;
  }
  memory::seal_segment(lane.requests, fmt::format("lane {} requests", lane.offer.lane));
  lane.opened_at_runner = true;
  lane.runner->send({ControlType::lane_open, lane.offer.lane}, std::array{lane.requests.get()});
}

void LaneBroker::runner_ready(Runner& runner, std::uint64_t id) {
  Lane* lane = find(id);
  if (lane == nullptr || lane->runner != &runner || !lane->opened_at_runner || lane->watched) {
    return;
  }
  bool done = false;
  step(*lane, [&] {
    lane->watched = memory::Segment::attach_reader(
        lane->replies.duplicate(),
        call::lane_segment_expectation(memory::SegmentKind::replies, lane->offer.shape, runner.serial()),
        fmt::format("lane {} replies", id));
    lane->watched->close_descriptor();
    done = lane->client->open_lane(lane->offer, lane->replies, runner.pidfd());
    lane->requests.reset();
    lane->replies.reset();
  });
  if (done) {
    client_ready(*lane->client, id);
  }
}

void LaneBroker::client_ready(ClientLink& client, std::uint64_t id) {
  if (Lane* lane = find(id); lane != nullptr && lane->client == &client && !lane->established) {
    lane->established = true;
    on_change_();
  }
}

// ---- ends

void LaneBroker::runner_closed(Runner& runner) {
  for (auto& [id, lane] : lanes_) {
    if (lane.runner == &runner) {
      lane.client->lane_closed(id);
    }
  }
}

void LaneBroker::runner_gone(Runner& runner, std::string_view cause) {
  std::vector<ClientLink*> told;
  for (auto& [id, lane] : lanes_) {
    if (lane.runner == &runner && std::ranges::find(told, lane.client) == told.end()) {
      told.push_back(lane.client);
    }
  }
  const auto gone = std::erase_if(lanes_, [&](const auto& item) { return item.second.runner == &runner; });
  std::erase_if(left_, [&](const LeftLane& left) { return left.runner == &runner; });
  for (ClientLink* client : told) {
    client->runner_died(runner.serial(), cause);
  }
  if (gone != 0) {
    on_change_();
  }
}

void LaneBroker::client_gone(ClientLink& client) {
  for (auto& [id, lane] : lanes_) {
    if (lane.client == &client) {
      lane.runner->send({ControlType::lane_drop, id});
      if (lane.watched) {
        left_.push_back({id, lane.runner, lane.offer.runner, std::move(*lane.watched), std::move(lane.workers)});
      }
    }
  }
  std::erase_if(lanes_, [&](const auto& item) { return item.second.client == &client; });
}

void LaneBroker::runner_dropped(const Runner& runner, std::uint64_t id) {
  if (Lane* lane = find(id); lane != nullptr && lane->runner == &runner) {
    lane->client->lane_refused(id, "its runner could not take it");
    lanes_.erase(id);
    on_change_();
    return;
  }
  std::erase_if(left_, [&](const LeftLane& left) { return left.lane == id && left.runner == &runner; });
}

std::vector<std::uint64_t> LaneBroker::find_hung(const policy::OwnTime& own) {
  std::vector<std::uint64_t> hung;
  for (auto& [id, lane] : lanes_) {
    if (lane.watched && any_hung(*lane.watched, lane.workers, own)) {
      hung.push_back(lane.offer.runner);
    }
  }
  for (LeftLane& left : left_) {
    if (any_hung(left.watched, left.workers, own)) {
      hung.push_back(left.serial);
    }
  }
  return hung;
}

} // namespace ringfleet::fleet
