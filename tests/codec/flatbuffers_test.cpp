#include "../allocations.hpp"
#include "conformance.hpp"
#include "quote_bfbs_generated.h"
#include "quote_generated.h"
#include "ringfleet/codec/flatbuffers.hpp"

using namespace ringfleet::codec;
using namespace ringfleet::codec::test;

template <>
struct ringfleet::codec::Codec<Quote> : FlatbuffersCodec<Quote, QuoteBinarySchema> {};

namespace {

QuoteT quote(const std::string& symbol, std::size_t levels, std::size_t sources) {
  QuoteT quote;
  quote.symbol = symbol;
  quote.side = Side::Ask;
  quote.sequence = levels * 1'000;
  for (std::size_t i = 0; i < levels; ++i) {
    quote.levels.emplace_back(static_cast<double>(i) + 0.5, static_cast<std::uint32_t>(i));
  }
  for (std::size_t i = 0; i < sources; ++i) {
    SourceT source;
    source.venue = "venue " + std::to_string(i);
    source.hops.assign(i, static_cast<std::uint8_t>(i));
    quote.sources.push_back(std::make_unique<SourceT>(std::move(source)));
  }
  return quote;
}

struct FlatbuffersSubject {
  using Type = Quote;
  static constexpr bool is_exact = false; // a verifier takes bytes that nothing refers to
  static std::vector<QuoteT> samples() {
    std::vector<QuoteT> quotes;
    quotes.push_back(quote("", 0, 0));
    quotes.push_back(quote("ABC", 3, 2));
    quotes.push_back(quote(std::string(40, 'z'), 10, 4));
    return quotes;
  }
  static bool equal(const QuoteT& a, const QuoteT& b) {
    return a.symbol == b.symbol && a.side == b.side && a.sequence == b.sequence &&
           std::ranges::equal(
               a.levels, b.levels,
               [](const Level& x, const Level& y) { return x.price() == y.price() && x.size() == y.size(); }) &&
           std::ranges::equal(a.sources, b.sources,
                              [](const auto& x, const auto& y) { return x->venue == y->venue && x->hops == y->hops; });
  }
  static bool equal_view(const Quote* a, const QuoteT& b) {
    QuoteT copy;
    if (a != nullptr) {
      a->UnPackTo(&copy);
    }
    return a != nullptr && equal(copy, b);
  }
};

auto build_small(std::uint64_t sequence) {
  return [sequence](flatbuffers::FlatBufferBuilder& builder) {
    const auto symbol = builder.CreateString("EURUSD");
    const Level levels[] = {Level(1.25, 10), Level(1.5, 20)};
    const auto both = builder.CreateVectorOfStructs(levels, 2);
    return CreateQuote(builder, symbol, Side::Ask, both, 0, sequence);
  };
}

} // namespace

// T4
TEST_CASE("codec: flatbuffers conforms") {
  check_codec<FlatbuffersSubject>();
}

// T5
TEST_CASE("codec: a table is built in the span and viewed in it, verified, without an allocation") {
  static_assert(Viewable<Quote> && Encodable<Quote, decltype(build_small(1))>);
  alignas(64) std::byte memory[512];
  const auto before = ringfleet::test::allocations();
  const auto part = Codec<Quote>::encode(build_small(77), memory);
  const auto* view = part ? Codec<Quote>::view(*part) : nullptr;
  const auto after = ringfleet::test::allocations();
  REQUIRE(view != nullptr);
  CHECK(after == before);
  CHECK(part->data() >= memory);
  CHECK(part->data() + part->size() == memory + sizeof(memory));
  const auto* address = reinterpret_cast<const std::byte*>(view);
  CHECK(address > part->data());
  CHECK(address < part->data() + part->size());
  CHECK(view->symbol()->str() == "EURUSD");
  CHECK(view->levels()->Get(1)->price() == 1.5);
  CHECK(view->sequence() == 77);
}

TEST_CASE("codec: a table is the same wherever its memory ends, and after a move to the front") {
  alignas(64) std::byte memory[512];
  for (std::size_t end = 0; end <= 160; ++end) {
    const auto span = std::span(memory).subspan(16, end);
    const auto part = Codec<Quote>::encode(build_small(end), span);
    if (part) {
      std::memmove(span.data(), part->data(), part->size());
      const auto* view = Codec<Quote>::view(span.first(part->size()));
      REQUIRE(view != nullptr);
      CHECK(view->sequence() == end);
    } else {
      CHECK(end < 150);
    }
  }
}

TEST_CASE("codec: a table whose first part alone is longer than the span is refused") {
  alignas(16) std::byte memory[64];
  const auto build = [](flatbuffers::FlatBufferBuilder& builder) {
    const std::vector<Level> levels(100, Level(1.25, 10));
    const auto all = builder.CreateVectorOfStructs(levels.data(), levels.size());
    return CreateQuote(builder, 0, Side::Ask, all);
  };
  CHECK_FALSE(Codec<Quote>::encode(build, memory));
}

TEST_CASE("codec: a table is not viewed at an odd address") {
  alignas(64) std::byte memory[512]{};
  const auto part = Codec<Quote>::encode(build_small(1), std::span(memory).first(256));
  REQUIRE(part);
  std::memmove(memory + 4, part->data(), part->size());
  CHECK(Codec<Quote>::view(std::span(memory).subspan(4, part->size())) == nullptr);
}

TEST_CASE("codec: what a build throws comes out of encode") {
  alignas(16) std::byte memory[256];
  const auto throwing = [](flatbuffers::FlatBufferBuilder& builder) {
    (void)builder.CreateString("half a table");
    if (builder.GetSize() != 0) {
      throw std::runtime_error("no quote today");
    }
    return CreateQuote(builder);
  };
  CHECK_THROWS_AS((void)Codec<Quote>::encode(throwing, memory), std::runtime_error);
}

TEST_CASE("fingerprint: that of a table is made of its name and, where it is known, its binary schema") {
  CHECK(fingerprint_of<Quote>() != FlatbuffersCodec<Quote>::fingerprint());
  CHECK(fingerprint_of<Quote>() != FlatbuffersCodec<Source, QuoteBinarySchema>::fingerprint());
  CHECK(fingerprint_of<Source>() == FlatbuffersCodec<Source>::fingerprint());
}
