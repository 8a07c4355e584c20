// says: constraint|incomplete type
#include "ringfleet/codec/raw.hpp"

#include <vector>

#ifdef CONTROL
using Payload = std::byte;
#else
using Payload = std::vector<std::byte>; // no codec: nobody has said how it becomes bytes
#endif

template <ringfleet::codec::Message T>
void carry() {}

void use() {
  carry<Payload>();
}
