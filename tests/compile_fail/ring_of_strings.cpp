// says: what lies in a ring has no constructor and no destructor
#include "ringfleet/ring/ring.hpp"

#include <string>

#ifdef CONTROL
using Slot = long;
#else
using Slot = std::string;
#endif

template class ringfleet::ring::Producer<Slot>;
