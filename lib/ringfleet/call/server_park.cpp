#include "ringfleet/call/server_park_impl.hpp"

namespace ringfleet::call {

template class BasicServerPark<Atomics>;

} // namespace ringfleet::call
