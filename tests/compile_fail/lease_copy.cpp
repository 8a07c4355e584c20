// says: no member named .duplicate
// A lock survives in every copy of its descriptor: whoever wants one opens the file anew.
#include "ringfleet/os/fork.hpp"

#ifdef CONTROL
using Held = ringfleet::os::Descriptor;
#else
using Held = ringfleet::os::Lease;
#endif

ringfleet::os::Descriptor copy_of(const Held& held) {
  return held.duplicate();
}
