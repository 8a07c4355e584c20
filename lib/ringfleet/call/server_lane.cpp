#include "ringfleet/call/server_lane_impl.hpp"

namespace ringfleet::call {

template class BasicServerLane<Atomics>;

} // namespace ringfleet::call
