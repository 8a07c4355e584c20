// Any bytes as a message of each codec, and any value through it: what is decoded is encoded and decoded again as the
// same; bytes that are no message are refused without a wild read, and without asking for more memory than they
// justify.

#include "input.hpp"
#include "ringfleet/codec/cereal.hpp"
#include "ringfleet/codec/flatbuffers.hpp"
#include "ringfleet/codec/raw.hpp"

#include "quote_generated.h"

#include <cereal/types/map.hpp>
#include <cereal/types/optional.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/vector.hpp>

#include <map>
#include <optional>
#include <string>

using namespace ringfleet::codec;
using namespace ringfleet::fuzz;
using ringfleet::codec::test::Quote;
using ringfleet::codec::test::QuoteT;

namespace {

struct Tick {
  std::uint64_t time_ns;
  std::uint32_t price;
  std::uint32_t size;
};

struct Order {
  std::uint64_t id = 0;
  double ratio = 0;
  bool is_short = false;
  std::vector<std::string> legs;
  std::map<std::string, std::vector<std::uint32_t>> tags;
  std::optional<std::string> note;
  std::vector<Order> children;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(id, ratio, is_short, legs, tags, note, children);
  }
};

} // namespace

template <>
struct ringfleet::codec::Codec<Order> : CerealCodec<Order> {};

namespace {

// In memory that is aligned as that of a ring is, and ends where the message ends.
class AlignedCopy {
public:
  explicit AlignedCopy(std::span<const std::byte> bytes)
      : memory_(std::max<std::size_t>(bytes.size(), 1)), size_(bytes.size()) {
    std::copy(bytes.begin(), bytes.end(), memory_.span().begin());
  }
  [[nodiscard]] std::span<const std::byte> span() const { return memory_.span().first(size_); }

private:
  ExactMemory memory_;
  std::size_t size_;
};

template <class T>
std::vector<std::byte> encoded(const typename Codec<T>::Value& value) {
  for (std::size_t bytes = std::max<std::size_t>(Codec<T>::bound(value), 1);; bytes *= 2) {
    const ExactMemory memory(bytes);
    if (const auto part = Codec<T>::encode(value, memory.span())) {
      require(lies_in(*part, memory.span()), "what is encoded lies in the span that was given");
      return {part->begin(), part->end()};
    }
    require(bytes < 1U << 24, "a value from a small message is small");
  }
}

template <class T>
void check(std::span<const std::byte> bytes) {
  const AlignedCopy in(bytes);
  typename Codec<T>::Value value{};
  if (!Codec<T>::decode(in.span(), value)) {
    return;
  }
  const auto once = encoded<T>(value);
  typename Codec<T>::Value again{};
  require(Codec<T>::decode(AlignedCopy(once).span(), again), "what was encoded can be decoded");
  require(encoded<T>(again) == once, "a value survives the way there and back");
  // A span that is one byte too small is told, not overrun.
  const ExactMemory short_memory(std::max<std::size_t>(once.size() - 1, 1));
  (void)Codec<T>::encode(value, short_memory.span().first(once.size() - 1));
}

void check_views(std::span<const std::byte> bytes) {
  const AlignedCopy in(bytes);
  if (const auto* tick = Codec<Tick>::view(in.span())) {
    require(lies_in(std::as_bytes(std::span(tick, 1)), in.span()), "a raw view lies in its message");
  }
  if (const auto* quote = Codec<Quote>::view(in.span())) {
    if (quote->symbol() != nullptr) {
      touch(std::as_bytes(std::span(quote->symbol()->c_str(), quote->symbol()->size() + 1)));
    }
    for (std::uint32_t i = 0; quote->sources() != nullptr && i < quote->sources()->size(); ++i) {
      if (const auto* hops = quote->sources()->Get(i)->hops()) {
        touch(std::as_bytes(std::span(hops->data(), hops->size())));
      }
    }
  }
}

template <class T>
Bytes seed_of(std::uint8_t which, const typename Codec<T>::Value& value) {
  return InputMaker().add(which).add_bytes(encoded<T>(value)).make();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const auto which = input.take<std::uint8_t>();
  const auto bytes = input.rest();
  switch (which % 4) {
  case 0: check<Tick>(bytes); break;
  case 1: check<Order>(bytes); break;
  case 2: check<Quote>(bytes); break;
  default: check_views(bytes); break;
  }
  return 0;
}

std::vector<Bytes> ringfleet::fuzz::seeds() {
  Order order;
  order.id = 7;
  order.is_short = true;
  order.legs = {"a", "bc"};
  order.tags = {{"x", {1, 2}}};
  order.note = "n";
  order.children.emplace_back();
  QuoteT quote;
  quote.symbol = "EURUSD";
  quote.levels.emplace_back(1.5, 10);
  quote.sources.push_back(std::make_unique<ringfleet::codec::test::SourceT>());
  quote.sources.back()->venue = "here";
  quote.sources.back()->hops = {1, 2, 3};
  quote.sequence = 42;
  return {seed_of<Tick>(0, {1, 2, 3}), seed_of<Order>(1, order), seed_of<Order>(1, {}),      seed_of<Quote>(2, quote),
          seed_of<Quote>(2, {}),       seed_of<Quote>(3, quote), seed_of<Tick>(3, {1, 2, 3})};
}
