#pragma once

// The production policy for whoever waits while every instruction is interrupted: it parks at once. Climbing the ladder
// would be most of what is stepped, and the same all the way.

#include "ringfleet/base/atomics.hpp"
#include "ringfleet/os/host.hpp"

namespace ringfleet {

namespace kill {
struct ParkingAtomics : Atomics {};
} // namespace kill

template <>
struct os::Host<kill::ParkingAtomics> : os::Host<Atomics> {
  static constexpr bool climbs = false;
};

} // namespace ringfleet
