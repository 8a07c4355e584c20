#include "runner_lane.hpp"

#include "ringfleet/base/cache_line.hpp"
#include "ringfleet/base/error.hpp"
#include "ringfleet/call/lane_segment.hpp"

#include <fmt/format.h>

namespace ringfleet::runner {

RunnerLane::RunnerLane(std::uint64_t id, const call::LaneShape& shape, call::WaitMode mode, os::Descriptor replies,
                       call::ControlChannel& channel)
    : id_(id), shape_(shape), mode_(mode), arenas_(id, channel) {
  if (!call::is_valid(shape)) {
    throw Error(ErrorCode::invalid_argument, fmt::format("lane {} with {} slots of {} bytes for {} workers", id,
                                                         shape.slots, shape.slot_bytes, shape.workers));
  }
  replies_ = memory::Segment::attach_writer(
      std::move(replies), call::lane_segment_expectation(memory::SegmentKind::replies, shape), "replies");
  replies_.guard(call::control_guard_offset, page_bytes);
  replies_.guard(call::progress_guard_offset, page_bytes);
  replies_.close_descriptor();
}

void RunnerLane::open(os::Descriptor requests) {
  if (server_) {
    throw Error(ErrorCode::wrong_state, fmt::format("open lane {}, which is open", id_));
  }
  requests_ = memory::Segment::attach_reader(
      std::move(requests), call::lane_segment_expectation(memory::SegmentKind::requests, shape_), "requests");
  requests_.close_descriptor();
  call::ServerLaneOptions options;
  options.mode = mode_;
  options.arena_wanted = [this](std::uint64_t bytes) { return arenas_.obtain(*server_, bytes, never); };
  server_.emplace(shape_, replies_.writable_body(), requests_.body(), std::move(options));
}

void RunnerLane::map_reply_arena(std::uint32_t number, os::Descriptor arena) {
  arenas_.map_own(number, is_open() ? server_->next_arena_number() : 1, std::move(arena));
}

void RunnerLane::use_reply_arena(std::uint32_t number) {
  const auto memory = arenas_.own(number);
  if (!is_open() || number != server_->next_arena_number()) {
    throw Error(ErrorCode::bad_message,
                fmt::format("use reply arena {} of lane {}: it is not the next one", number, id_));
  }
  server_->add_arena(memory);
  arenas_.ring();
}

void RunnerLane::open_request_arena(std::uint32_t number, os::Descriptor arena) {
  if (!is_open() || !server_->open_request_arena(number, arenas_.map_other(std::move(arena)))) {
    throw Error(ErrorCode::bad_message, fmt::format("open request arena {} of lane {}: refused", number, id_));
  }
}

void RunnerLane::refuse_reply_arena() noexcept {
  arenas_.ring();
}

} // namespace ringfleet::runner
