#pragma once

// The channel and the fleet that an operation and its survivors have in common.

#include "ringfleet/channel/options.hpp"
#include "ringfleet/fleet/fleet.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace ringfleet::test {

inline constexpr std::uint32_t messages = 4; // the numbers from 0, by whoever publishes

[[nodiscard]] inline channel::PublisherOptions small_channel() {
  channel::PublisherOptions options;
  options.ring_bytes = 65'536;
  options.members = 8;
  return options;
}

// With one module, "first", which is the shipped `echo`.
[[nodiscard]] std::unique_ptr<Fleet> start_fleet(const std::string& name);

} // namespace ringfleet::test
