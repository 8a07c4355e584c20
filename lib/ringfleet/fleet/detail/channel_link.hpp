#pragma once

// A client that is reached by control messages: what it is told becomes messages, what it acknowledges comes back as
// such. Two kinds differ only in the road: a socket of its own, or the channel of a runner.

#include "ringfleet/call/control_message.hpp"
#include "ringfleet/fleet/detail/client_link.hpp"
#include "ringfleet/fleet/detail/runner.hpp"

#include <span>

namespace ringfleet::fleet {

class ChannelLink : public ClientLink {
public:
  bool offer_lane(const LaneOffer& offer, const os::Descriptor& requests) override;
  bool open_lane(const LaneOffer& offer, const os::Descriptor& replies, const os::Descriptor& pidfd) override;
  void lane_refused(std::uint64_t lane, std::string_view why) override;
  bool offer_arena(std::uint64_t lane, std::uint32_t number, std::uint64_t bytes, const os::Descriptor& arena) override;
  bool open_arena(std::uint64_t lane, std::uint32_t number, const os::Descriptor& arena) override;
  void arena_usable(std::uint64_t lane, std::uint32_t number) override;
  void refuse_arena(std::uint64_t lane, std::uint64_t bytes) override;
  void runner_died(std::uint64_t runner, std::string_view cause) override;
  void lane_closed(std::uint64_t lane) override;
  void route_changed() override;

protected:
  // Never blocks. A client that cannot take a message is dropped by the implementation.
  virtual void send(const call::ControlMessage& message, std::span<const int> descriptors) = 0;
};

// A runner whose module calls others. It follows `closed` and the messages instead of the route.
class NestedLink final : public ChannelLink {
public:
  explicit NestedLink(Runner& runner) : runner_(runner) {}
  [[nodiscard]] bool inside_before(std::uint64_t) const override { return false; }
  [[nodiscard]] std::string name() const override;

private:
  void send(const call::ControlMessage& message, std::span<const int> descriptors) override {
    runner_.send(message, descriptors);
  }
  Runner& runner_;
};

} // namespace ringfleet::fleet
