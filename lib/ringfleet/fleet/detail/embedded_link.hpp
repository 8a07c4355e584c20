#pragma once

// The client inside the scheduler's own process: no messages, no waiting; what it is told it does at once.

#include "ringfleet/fleet/detail/client_core.hpp"
#include "ringfleet/fleet/detail/client_link.hpp"
#include "ringfleet/fleet/detail/lane_broker.hpp"

namespace ringfleet::fleet {

class EmbeddedLink final : public ClientLink {
public:
  explicit EmbeddedLink(ClientCore& core) : core_(core) {}

  bool offer_lane(const LaneOffer& offer, const os::Descriptor& requests) override {
    core_.lane_offered(offer, requests.duplicate());
    return true;
  }
  bool open_lane(const LaneOffer& offer, const os::Descriptor& replies, const os::Descriptor&) override {
    core_.lane_opened(offer.lane, replies.duplicate());
    return true;
  }
  void lane_refused(std::uint64_t lane, std::string_view) override { core_.lane_refused(lane); }
  bool offer_arena(std::uint64_t lane, std::uint32_t number, std::uint64_t, const os::Descriptor& arena) override {
    core_.arena_offered(lane, number, arena.duplicate());
    return true;
  }
  bool open_arena(std::uint64_t lane, std::uint32_t number, const os::Descriptor& arena) override {
    core_.arena_opened(lane, number, arena.duplicate());
    return true;
  }
  void arena_usable(std::uint64_t lane, std::uint32_t number) override { core_.arena_usable(lane, number); }
  void refuse_arena(std::uint64_t lane, std::uint64_t) override { core_.arena_refused(lane); }
  void runner_died(std::uint64_t runner, std::string_view cause) override { core_.runner_died(runner, cause); }
  void lane_closed(std::uint64_t lane) override { core_.lane_closed(lane); }
  void route_changed() override { core_.route_changed(); }
  [[nodiscard]] bool inside_before(std::uint64_t epoch) const override { return core_.inside_before(epoch); }
  [[nodiscard]] std::string name() const override { return "the scheduler's own process"; }

private:
  ClientCore& core_;
};

} // namespace ringfleet::fleet
