#include "nested_lane.hpp"

#include "ringfleet/base/error.hpp"

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
  requests_ = memory::Segment::attach_writer(std::move(offer.descriptors.front()),
                                             {.kind = memory::SegmentKind::requests,
                                              .body_bytes_min = call::client_body_bytes(shape_),
                                              .fingerprint = call::lane_fingerprint(shape_),
                                              .generation = {}},
                                             "requests");
  requests_.close_descriptor();
}

void NestedLane::open(os::Descriptor replies) {
  if (caller_) {
    throw Error(ErrorCode::wrong_state, fmt::format("open lane {}, which is open", id_));
  }
  replies_ = memory::Segment::attach_reader(std::move(replies),
                                            {.kind = memory::SegmentKind::replies,
                                             .body_bytes_min = call::runner_body_bytes(shape_),
                                             .fingerprint = call::lane_fingerprint(shape_),
                                             .generation = {}},
                                            "replies");
  replies_.close_descriptor();
  call::CallerLaneOptions options;
  options.mode = mode_;
  options.obituary = &obituary_;
  options.arena_wanted = [this](std::uint64_t bytes) { return obtain_arena(bytes); };
  caller_.emplace(shape_, requests_.writable_body(), replies_.body(), std::move(options));
}

bool NestedLane::obtain_arena(std::uint64_t bytes) {
  const std::uint64_t size = caller_->arena_growth_for(bytes);
  if (size == 0) {
    return false;
  }
  const std::uint32_t next = caller_->next_arena_number();
  arenas_.obtain(next, size);
  return caller_->next_arena_number() != next;
}

} // namespace ringfleet::runner
