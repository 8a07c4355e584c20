#include "runner_lane.hpp"

#include "ringfleet/base/cache_line.hpp"
#include "ringfleet/base/error.hpp"
#include "ringfleet/os/futex.hpp"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

namespace ringfleet::runner {
namespace {

using namespace std::chrono_literals;

// How long a reply waits for a larger arena; then the call ends as no_space.
constexpr Nanoseconds arena_patience = 1s;

memory::Expectation expect_arena() {
  return {.kind = memory::SegmentKind::arena, .body_bytes_min = 1, .fingerprint = 0, .generation = {}};
}

} // namespace

RunnerLane::RunnerLane(std::uint64_t id, const call::LaneShape& shape, call::WaitMode mode, os::Descriptor replies,
                       call::ControlChannel& channel)
    : id_(id), shape_(shape), mode_(mode), channel_(channel) {
  if (!call::is_valid(shape)) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("lane {} with {} slots of {} bytes for {} workers", id, shape.slots, shape.slot_bytes,
                            shape.workers));
  }
  replies_ = memory::Segment::attach_writer(std::move(replies),
                                            {.kind = memory::SegmentKind::replies,
                                             .body_bytes_min = call::runner_body_bytes(shape),
                                             .fingerprint = call::lane_fingerprint(shape),
                                             .generation = {}},
                                            "replies");
  replies_.guard(call::control_guard_offset, page_bytes);
  replies_.guard(call::progress_guard_offset, page_bytes);
  replies_.close_descriptor();
}

void RunnerLane::open(os::Descriptor requests) {
  if (server_) {
    throw Error(ErrorCode::wrong_state, fmt::format("open lane {}, which is open", id_));
  }
  requests_ = memory::Segment::attach_reader(std::move(requests),
                                             {.kind = memory::SegmentKind::requests,
                                              .body_bytes_min = call::client_body_bytes(shape_),
                                              .fingerprint = call::lane_fingerprint(shape_),
                                              .generation = {}},
                                             "requests");
  requests_.close_descriptor();
  call::ServerLaneOptions options;
  options.mode = mode_;
  options.arena_wanted = [this](std::uint64_t bytes) { return obtain_arena(bytes); };
  server_.emplace(shape_, replies_.writable_body(), requests_.body(), std::move(options));
}

bool RunnerLane::obtain_arena(std::uint64_t bytes) {
  const MonotonicNs deadline = deadline_after(monotonic_now(), arena_patience);
  const std::uint32_t next = server_->next_arena_number();
  const std::uint32_t seen = Atomics::load_acquire(arena_bell_);
  const std::uint64_t size = server_->arena_growth_for(bytes);
  const call::ControlMessage wanted{
      .type = call::ControlType::arena_wanted, .a = id_, .b = next, .c = size, .text = {}, .descriptors = {}};
  if (size == 0 || channel_.send(wanted, {}, deadline) != os::SocketStatus::ok) {
    return false;
  }
  while (server_->next_arena_number() == next) {
    // SYNC runner.arena: acquire; pairs with release in ring_arena_bell. An arena itself is handed over under the lock
    // of the lane's arenas.
    if (Atomics::load_acquire(arena_bell_) != seen ||
        os::futex_wait(arena_bell_, seen, deadline, false) == os::WaitResult::timed_out) {
      break;
    }
  }
  return server_->next_arena_number() != next;
}

void RunnerLane::ring_arena_bell() noexcept {
  // SYNC runner.arena: release; pairs with acquire in obtain_arena.
  Atomics::fetch_add(arena_bell_, std::uint32_t{1});
  os::futex_wake(arena_bell_, os::wake_all, false);
}

void RunnerLane::map_reply_arena(std::uint32_t number, os::Descriptor arena) {
  auto segment = memory::Segment::attach_writer(std::move(arena), expect_arena(), "reply arena");
  segment.close_descriptor();
  reply_arenas_.push_back({number, std::move(segment)});
}

void RunnerLane::use_reply_arena(std::uint32_t number) {
  const auto found = std::ranges::find(reply_arenas_, number, &Arena::number);
  if (!is_open() || found == reply_arenas_.end() || number != server_->next_arena_number()) {
    throw Error(ErrorCode::bad_message, fmt::format("use reply arena {} of lane {}: it is not the next one", number, id_));
  }
  server_->add_arena(found->segment.writable_body());
  ring_arena_bell();
}

void RunnerLane::open_request_arena(std::uint32_t number, os::Descriptor arena) {
  auto segment = memory::Segment::attach_reader(std::move(arena), expect_arena(), "request arena");
  segment.close_descriptor();
  const auto body = segment.body();
  request_arenas_.push_back({number, std::move(segment)});
  if (!is_open() || !server_->open_request_arena(number, body)) {
    throw Error(ErrorCode::bad_message, fmt::format("open request arena {} of lane {}: refused", number, id_));
  }
}

void RunnerLane::refuse_reply_arena() noexcept { ring_arena_bell(); }

} // namespace ringfleet::runner
