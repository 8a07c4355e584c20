#pragma once

// A real fleet in this process whose runners hold the shipped echo module.

#include "ringfleet/call/wait_mode.hpp"
#include "ringfleet/fleet/fleet.hpp"

#include <cstdint>

namespace ringfleet::bench {

inline constexpr const char* echo_module = "echo";

// The paths of runner and module are those of the build this benchmark comes from.
[[nodiscard]] fleet::Topology echo_topology(std::uint32_t runners, call::WaitMode mode);
[[nodiscard]] FleetOptions echo_fleet_options();

} // namespace ringfleet::bench
