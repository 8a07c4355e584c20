// says: a raw message is a trivially copyable type
#include "ringfleet/codec/raw.hpp"

#include <string>

#ifdef CONTROL
using Message = int;
#else
using Message = std::string;
#endif

std::size_t bytes(const Message& message) {
  return ringfleet::codec::RawCodec<Message>::bound(message);
}
