// says: a raw message is a trivially copyable type
#include "ringfleet/codec/raw.hpp"

#ifdef CONTROL
using Message = unsigned long;
#else
using Message = const char*;
#endif

bool decode(std::span<const std::byte> bytes, Message& message) {
  return ringfleet::codec::RawCodec<Message>::decode(bytes, message);
}
