#pragma once

// A phase of a soak: fleets whose scheduler is killed while calls are under way. Runners end with it, open calls end by
// name, the next scheduler of that name serves; the last one goes down in order.

#include "events.hpp"
#include "stage.hpp"

#include <cstdint>

namespace ringfleet::soak {

void lose_schedulers(Stage& stage, Events& dice, std::uint64_t rounds);

} // namespace ringfleet::soak
