#include "ringfleet/call/caller_lane_impl.hpp"

namespace ringfleet::call {

template class BasicCallerLane<Atomics>;

} // namespace ringfleet::call
