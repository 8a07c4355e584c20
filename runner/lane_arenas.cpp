#include "lane_arenas.hpp"

#include "ringfleet/base/atomics.hpp"
#include "ringfleet/base/clock.hpp"
#include "ringfleet/base/error.hpp"
#include "ringfleet/base/limits.hpp"
#include "ringfleet/os/futex.hpp"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

namespace ringfleet::runner {
namespace {

using namespace std::chrono_literals;

// How long a payload waits for a larger arena; then the call ends as no_space.
constexpr Nanoseconds patience = 5s;

const memory::Expectation expected_arena{
    .kind = memory::SegmentKind::arena, .body_bytes_min = 1, .fingerprint = 0, .generation = {}};

} // namespace

void LaneArenas::ask_and_wait(std::uint32_t number, std::uint64_t bytes, MonotonicNs until) {
  const MonotonicNs deadline = std::min(until, deadline_after(monotonic_now(), patience));
  const std::uint32_t seen = Atomics::load_acquire(bell_);
  try {
    if (channel_.send({call::ControlType::arena_wanted, lane_, number, bytes}, {}, deadline) != os::SocketStatus::ok) {
      return;
    }
  } catch (const Error&) {
    return; // no memory to ask with: there is no arena, and the call ends as no_space
  }
  // SYNC runner.arena: acquire; pairs with release in LaneArenas::ring. The arena itself is handed over under the lock
  // of the lane's arenas.
  while (Atomics::load_acquire(bell_) == seen &&
         os::futex_wait(bell_, seen, deadline, false) != os::WaitResult::timed_out) {
  }
}

void LaneArenas::ring() noexcept {
  // SYNC runner.arena: release; pairs with acquire in LaneArenas::ask_and_wait.
  Atomics::fetch_add(bell_, std::uint32_t{1});
  os::futex_wake(bell_, os::wake_all, false);
}

void LaneArenas::map_own(std::uint32_t number, std::uint32_t next, os::Descriptor arena) {
  if (number < 1 || number > limits::arenas_per_side_max) {
    throw Error(ErrorCode::bad_message, fmt::format("arena {} of lane {}: arenas are numbered from 1 to {}", number,
                                                    lane_, limits::arenas_per_side_max));
  }
  if (number < next) {
    throw Error(ErrorCode::bad_message, fmt::format("arena {} of lane {} is in use", number, lane_));
  }
  auto segment = memory::Segment::attach_writer(std::move(arena), expected_arena, "own arena");
  segment.close_descriptor();
  std::erase_if(own_, [number](const Own& own) { return own.number == number; }); // it never came into use
  own_.push_back({number, std::move(segment)});
}

std::span<std::byte> LaneArenas::own(std::uint32_t number) {
  const auto found = std::ranges::find(own_, number, &Own::number);
  if (found == own_.end()) {
    throw Error(ErrorCode::bad_message, fmt::format("arena {} of lane {} was never offered", number, lane_));
  }
  return found->segment.writable_body();
}

std::span<const std::byte> LaneArenas::map_other(os::Descriptor arena) {
  auto segment = memory::Segment::attach_reader(std::move(arena), expected_arena, "arena of the peer");
  segment.close_descriptor();
  return other_.emplace_back(std::move(segment)).body();
}

} // namespace ringfleet::runner
