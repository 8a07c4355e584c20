// says: constraints not satisfied
#include "ringfleet/channel/publisher.hpp"
#include "ringfleet/codec/cereal.hpp"
#include "ringfleet/codec/raw.hpp"

struct Order {
  long id;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(id);
  }
};

#ifndef CONTROL // a raw type is built in the ring; what cereal writes has no place there before it is written
template <>
struct ringfleet::codec::Codec<Order> : ringfleet::codec::CerealCodec<Order> {};
#endif

void publish(ringfleet::Publisher<Order>& out) {
  (void)out.emplace([](Order& order) { order.id = 1; });
}
