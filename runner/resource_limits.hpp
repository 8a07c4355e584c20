#pragma once

// What the topology allows a runner to take of the machine.

#include "ringfleet/call/handshake.hpp"

namespace ringfleet::runner {

// Before the module is loaded; nothing raises the limits again but a module that is root. Memory is what the process
// has for itself: heap, statics, stacks of threads. Lanes and arenas are shared, belong to the calls, and do not count.
// Throws Error when the scheduler's own limits do not allow it.
void limit_resources(const call::LoadRequest& request);

} // namespace ringfleet::runner
