#include "ringfleet/fleet/detail/channel_link.hpp"

#include <array>

#include <fmt/format.h>

namespace ringfleet::fleet {
namespace {

using call::ControlMessage;
using call::ControlType;

} // namespace

bool ChannelLink::offer_lane(const LaneOffer& offer, const os::Descriptor& requests) {
  ControlMessage message{ControlType::lane_offer_client, offer.lane,
                         offer.shape.slots | static_cast<std::uint64_t>(offer.module) << 32,
                         offer.shape.slot_bytes | static_cast<std::uint64_t>(offer.spin) << 32};
  message.d = offer.runner;
  message.text = offer.facts;
  send(message, std::array{requests.get()});
  return false;
}

bool ChannelLink::open_lane(const LaneOffer& offer, const os::Descriptor& replies, const os::Descriptor& pidfd) {
  send({ControlType::lane_open_client, offer.lane}, std::array{replies.get(), pidfd.get()});
  return false;
}

void ChannelLink::lane_refused(std::uint64_t lane, std::string_view why) {
  send({.type = ControlType::lane_retired, .a = lane, .text = call::cut_text(std::string(why))}, {});
}

bool ChannelLink::offer_arena(std::uint64_t lane, std::uint32_t number, std::uint64_t bytes,
                              const os::Descriptor& arena) {
  send({ControlType::arena_offer, lane, number, bytes}, std::array{arena.get()});
  return false;
}

bool ChannelLink::open_arena(std::uint64_t lane, std::uint32_t number, const os::Descriptor& arena) {
  send({ControlType::arena_open, lane, number}, std::array{arena.get()});
  return false;
}

void ChannelLink::arena_usable(std::uint64_t lane, std::uint32_t number) {
  send({ControlType::arena_ready, lane, number}, {});
}

void ChannelLink::refuse_arena(std::uint64_t lane, std::uint64_t bytes) {
  send({ControlType::arena_refused, lane, 0, bytes}, {});
}

void ChannelLink::runner_died(std::uint64_t runner, std::string_view cause) {
  send({.type = ControlType::runner_died, .a = runner, .text = call::cut_text(std::string(cause))}, {});
}

void ChannelLink::lane_closed(std::uint64_t lane) {
  send({ControlType::lane_closed, lane}, {});
}

void ChannelLink::route_changed() {
  send({ControlType::route_changed}, {});
}

std::string NestedLink::name() const {
  return fmt::format("the module '{}' in runner {}", runner_.spec().module, runner_.serial());
}

} // namespace ringfleet::fleet
