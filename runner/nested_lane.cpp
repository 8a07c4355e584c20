#include "nested_lane.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/call/lane_segment.hpp"

#include <utility>

#include <fmt/format.h>

namespace ringfleet::runner {
namespace {

constexpr std::uint32_t low_half(std::uint64_t word) {
  return static_cast<std::uint32_t>(word);
}
constexpr std::uint32_t high_half(std::uint64_t word) {
  return static_cast<std::uint32_t>(word >> 32);
}

} // namespace

NestedLane::NestedLane(call::ControlMessage& offer, call::ControlChannel& channel, const memory::Obituary& obituary)
    : id_(offer.a), runner_(offer.d), module_number_(high_half(offer.b)),
      shape_{.slots = low_half(offer.b), .slot_bytes = low_half(offer.c)},
      mode_(high_half(offer.c) != 0 ? call::WaitMode::spin : call::WaitMode::park), obituary_(obituary),
      arenas_(id_, channel) {
  if (!call::is_valid(shape_) || offer.descriptors.empty()) {
    throw Error(ErrorCode::bad_message, fmt::format("offer of lane {} with {} slots of {} bytes and {} descriptors",
                                                    id_, shape_.slots, shape_.slot_bytes, offer.descriptors.size()));
  }
  requests_ =
      memory::Segment::attach_writer(std::move(offer.descriptors.front()),
                                     call::lane_segment_expectation(memory::SegmentKind::requests, shape_), "requests");
  requests_.close_descriptor();
}

void NestedLane::open(os::Descriptor replies) {
  if (caller_) {
    throw Error(ErrorCode::wrong_state, fmt::format("open lane {}, which is open", id_));
  }
  replies_ = memory::Segment::attach_reader(
      std::move(replies), call::lane_segment_expectation(memory::SegmentKind::replies, shape_), "replies");
  replies_.close_descriptor();
  call::CallerLaneOptions options;
  options.mode = mode_;
  options.obituary = &obituary_;
  options.arena_wanted = [this](std::uint64_t bytes, MonotonicNs deadline) {
    return arenas_.obtain(*caller_, bytes, deadline);
  };
  caller_.emplace(shape_, requests_.writable_body(), replies_.body(), std::move(options));
}

} // namespace ringfleet::runner
