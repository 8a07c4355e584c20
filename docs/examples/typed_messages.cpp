// Messages of three kinds: a struct that is built and read in the ring, a type that cereal writes, and one with a codec
// of its own (own_codec.hpp).
// usage: typed_messages [CHANNEL]

#include "own_codec.hpp"
#include "tick.hpp"
#include <ringfleet/base/error.hpp>
#include <ringfleet/channel/publisher.hpp>
#include <ringfleet/channel/subscriber.hpp>
#include <ringfleet/codec/cereal.hpp>

#include <cereal/types/string.hpp>
#include <cereal/types/vector.hpp>

#include <cstdio>
#include <string>
#include <vector>

struct Order {
  std::string symbol;
  std::vector<double> prices;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(symbol, prices);
  }
};

template <>
struct ringfleet::codec::Codec<Order> : ringfleet::codec::CerealCodec<Order> {};

int main(int argc, char** argv) {
  const std::string channel = argc > 1 ? argv[1] : "typed-messages";
  ringfleet::Publisher<Tick> ticks(channel + ":ticks");
  ringfleet::Publisher<Order> orders(channel + ":orders");
  ringfleet::Publisher<Note> notes(channel + ":notes");
  ringfleet::Subscriber<Tick> tick_reader(channel + ":ticks");
  ringfleet::Subscriber<Order> order_reader(channel + ":orders");
  ringfleet::Subscriber<Note> note_reader(channel + ":notes");

  ticks.emplace([](Tick& tick) { tick = {.id = 7, .price = 99.5}; }); // on the object in the ring
  orders.publish({.symbol = "RNG", .prices = {1.5, 2.5}});
  notes.publish({"markets are open"});

  tick_reader.poll([](const Tick& tick) { std::printf("tick %ld at %.1f\n", tick.id, tick.price); });
  order_reader.poll([](const Order& order) {
    std::printf("order %s, %zu prices up to %.1f\n", order.symbol.c_str(), order.prices.size(), order.prices.back());
  });
  note_reader.poll([](const Note& note) { std::printf("note: %s\n", note.text.c_str()); });

  try { // a reader that means something else by a message is refused, not fed with nonsense
    const ringfleet::Subscriber<Order> wrong(channel + ":ticks");
  } catch (const ringfleet::Error& error) {
    std::printf("%s\n", error.what());
  }
}
