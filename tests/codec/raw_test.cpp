#include "../allocations.hpp"
#include "conformance.hpp"
#include "ringfleet/codec/raw.hpp"

#include <limits>
#include <string>

using namespace ringfleet::codec;
using namespace ringfleet::codec::test;

namespace {

struct Tick {
  double price = 1.5;
  std::uint32_t size = 7;
  std::uint32_t flags = 0;
};

struct alignas(64) Wide {
  std::uint64_t words[8];
};

struct SameSize {
  double price = 0;
  std::uint32_t size = 0;
  std::uint32_t flags = 0;
};

struct Versioned {
  static constexpr std::string_view schema = "versioned 2";
  std::uint32_t number;
};

// A format of the user's: a length byte, then the letters.
struct Text {
  std::string letters;
};

} // namespace

template <>
struct ringfleet::codec::Codec<Text> {
  using Value = Text;
  static std::size_t bound(const Text& text) { return text.letters.size() + 1; }
  static Encoded encode(const Text& text, std::span<std::byte> out) {
    const auto bytes = text.letters.size() + 1;
    if (bytes > out.size() || bytes > 256) {
      return std::nullopt;
    }
    out[0] = static_cast<std::byte>(text.letters.size());
    std::memcpy(out.data() + 1, text.letters.data(), text.letters.size());
    return out.first(bytes);
  }
  static bool decode(std::span<const std::byte> in, Text& into) {
    if (in.empty() || in.size() != std::to_integer<std::size_t>(in[0]) + 1) {
      return false;
    }
    into.letters.assign(reinterpret_cast<const char*>(in.data()) + 1, in.size() - 1);
    return true;
  }
  static Fingerprint fingerprint() { return FingerprintMaker().add("text 1").value(); }
};

namespace {

struct RawSubject {
  using Type = Tick;
  static constexpr bool is_exact = true;
  static std::vector<Tick> samples() { return {{}, {-0.25, 1, 2}, {1e300, ~0U, ~0U}}; }
  static bool equal(const Tick& a, const Tick& b) { return std::memcmp(&a, &b, sizeof(a)) == 0; }
  static bool equal_view(const Tick* a, const Tick& b) { return a != nullptr && equal(*a, b); }
};

struct TextSubject {
  using Type = Text;
  static constexpr bool is_exact = true;
  static std::vector<Text> samples() { return {{""}, {"x"}, {std::string(255, 'y')}}; }
  static bool equal(const Text& a, const Text& b) { return a.letters == b.letters; }
};

} // namespace

// T4
TEST_CASE("codec: raw conforms") {
  check_codec<RawSubject>();
}

TEST_CASE("codec: a user's own, by one specialisation, conforms") {
  static_assert(!Viewable<Text> && !Emplaceable<Text>);
  check_codec<TextSubject>();
}

// T5
TEST_CASE("codec: a raw value is built in the span and viewed in it, without an allocation") {
  static_assert(Viewable<Tick> && Emplaceable<Tick>);
  alignas(16) std::byte memory[sizeof(Tick)];
  const auto before = ringfleet::test::allocations();
  auto* tick = Codec<Tick>::emplace(memory);
  REQUIRE(tick != nullptr);
  CHECK(tick->price == 1.5);
  tick->size = 9;
  const auto* view = Codec<Tick>::view(memory);
  const auto after = ringfleet::test::allocations();
  CHECK(after == before);
  CHECK(static_cast<const void*>(view) == memory);
  CHECK(view->size == 9);
  CHECK(Codec<Tick>::emplace(std::span(memory).first(sizeof(Tick) - 1)) == nullptr);
}

TEST_CASE("codec: a raw view is refused where the type's alignment is not given; decoding is not") {
  alignas(64) std::byte memory[2 * sizeof(Wide)]{};
  CHECK(Codec<Wide>::view(std::span(memory).first(sizeof(Wide))) != nullptr);
  const auto crooked = std::span(memory).subspan(16, sizeof(Wide));
  CHECK(Codec<Wide>::view(crooked) == nullptr);
  CHECK(Codec<Wide>::emplace(crooked) == nullptr);
  CHECK(Codec<Wide>::emplace(std::span(memory).first(sizeof(Wide))) != nullptr);
  Wide wide{};
  CHECK(Codec<Wide>::decode(crooked, wide));
}

TEST_CASE("fingerprint: another name, size, alignment, schema or format is another fingerprint") {
  CHECK(fingerprint_of<Tick>() != fingerprint_of<SameSize>());
  CHECK(fingerprint_of<Tick>() != fingerprint_of<Wide>());
  CHECK(fingerprint_of<Versioned>() == FingerprintMaker().add("raw").add("versioned 2").add(4).add(4).value());
  CHECK(FingerprintMaker().add("ab").add("c").value() != FingerprintMaker().add("a").add("bc").value());
  // The one number that FNV-1a turns into 0, which stands for "no schema".
  CHECK(FingerprintMaker().add(std::uint64_t{0x3608'8742'53b9'6bd5}).value() == 1);
  CHECK(type_name<Tick>().ends_with("Tick"));
  CHECK(type_name<std::uint32_t>() == "unsigned int");
}
