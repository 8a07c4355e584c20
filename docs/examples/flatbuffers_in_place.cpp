// A flatbuffers table (quote.fbs) that is built in the ring, and verified and read there.
// usage: flatbuffers_in_place [CHANNEL]

#include "quote_bfbs_generated.h"
#include "quote_generated.h"
#include <ringfleet/channel/publisher.hpp>
#include <ringfleet/channel/subscriber.hpp>
#include <ringfleet/codec/flatbuffers.hpp>

#include <cstdio>
#include <string>

using market::Quote;

template <>
struct ringfleet::codec::Codec<Quote> : ringfleet::codec::FlatbuffersCodec<Quote, market::QuoteBinarySchema> {};

int main(int argc, char** argv) {
  const std::string channel = argc > 1 ? argv[1] : "quotes";
  ringfleet::Publisher<Quote> out(channel);
  ringfleet::Subscriber<Quote> in(channel);

  out.publish([](flatbuffers::FlatBufferBuilder& builder) { // its memory is the ring
    const double prices[] = {99.5, 99.75};
    const auto symbol = builder.CreateString("RNG");
    return market::CreateQuote(builder, symbol, builder.CreateVector(prices, 2));
  });

  const auto ring = in.frames().space().units();
  in.poll([&](const Quote& quote) {
    const auto* const place = reinterpret_cast<const std::byte*>(&quote);
    const bool is_in_ring = place >= ring.data() && place < ring.data() + ring.size();
    std::printf("%s, %u prices from %.2f, read %s\n", quote.symbol()->c_str(), quote.prices()->size(),
                quote.prices()->Get(0), is_in_ring ? "in the ring" : "elsewhere");
  });
}
