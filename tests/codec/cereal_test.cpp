#include "../allocations.hpp"
#include "conformance.hpp"
#include "ringfleet/codec/cereal.hpp"

#include <cereal/types/map.hpp>
#include <cereal/types/memory.hpp>
#include <cereal/types/optional.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/vector.hpp>

#include <cereal/archives/binary.hpp>

#include <sstream>
#include <stdexcept>

using namespace ringfleet::codec;
using namespace ringfleet::codec::test;

namespace {

struct Leg {
  std::string name;
  double ratio = 0;
  bool is_short = false;
  bool operator==(const Leg&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(name, ratio, is_short);
  }
};

struct Order {
  std::uint64_t id = 0;
  std::vector<Leg> legs;
  std::map<std::string, std::vector<std::uint32_t>> tags;
  std::optional<std::string> note;
  bool operator==(const Order&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(id, legs, tags, note);
  }
};

struct Nested {
  std::vector<Nested> children;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(children);
  }
};

struct Refusing {
  bool refuses = false;
  template <class Archive>
  void save(Archive& archive) const {
    archive(refuses);
  }
  template <class Archive>
  void load(Archive& archive) {
    archive(refuses);
    if (refuses) {
      throw std::runtime_error("not a value of mine");
    }
  }
};

struct Flat {
  std::uint64_t a = 1;
  double b = 2;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(a, b);
  }
};

} // namespace

template <>
struct ringfleet::codec::Codec<Order> : CerealCodec<Order> {};
template <>
struct ringfleet::codec::Codec<Nested> : CerealCodec<Nested> {};
template <>
struct ringfleet::codec::Codec<Refusing> : CerealCodec<Refusing> {};
template <>
struct ringfleet::codec::Codec<Flat> : CerealCodec<Flat> {};

namespace {

struct CerealSubject {
  using Type = Order;
  static constexpr bool is_exact = true;
  static std::vector<Order> samples() {
    return {{},
            {1, {{"a", 0.5, true}, {"", -1, false}}, {{"x", {1, 2, 3}}, {"", {}}}, "note"},
            {~0ULL, std::vector<Leg>(5, Leg{"leg", 2, true}), {}, std::nullopt}};
  }
  static bool equal(const Order& a, const Order& b) { return a == b; }
};

} // namespace

// T4
TEST_CASE("codec: cereal conforms") {
  check_codec<CerealSubject>();
}

TEST_CASE("codec: cereal's bytes are those of its binary archive, and bound() is exact") {
  for (const auto& order : CerealSubject::samples()) {
    std::ostringstream stream;
    cereal::BinaryOutputArchive archive(stream);
    archive(order);
    const auto expected = stream.str();
    const auto bytes = encoded<Order>(order);
    CHECK(Codec<Order>::bound(order) == expected.size());
    CHECK(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()) == expected);
  }
}

TEST_CASE("codec: a container longer than its message is refused before memory is asked for") {
  Bytes bytes(24, std::byte{0xff});
  Order order;
  const auto before = ringfleet::test::allocations();
  CHECK_FALSE(Codec<Order>::decode(bytes, order));
  CHECK(ringfleet::test::allocations() - before < 8);
}

TEST_CASE("codec: objects nested too deeply are refused, not followed") {
  Nested deep;
  for (int i = 0; i < 100; ++i) {
    Nested parent;
    parent.children.push_back(std::move(deep));
    deep = std::move(parent);
  }
  Nested into;
  CHECK(Codec<Nested>::decode(encoded<Nested>(deep), into));
  Bytes endless(1 << 20); // each object says that it has one child
  for (std::size_t i = 0; i < endless.size(); i += 8) {
    endless[i] = std::byte{1};
  }
  CHECK_FALSE(Codec<Nested>::decode(endless, into));
}

TEST_CASE("codec: what a type's own load throws is a message that cannot be decoded") {
  Refusing value;
  CHECK(Codec<Refusing>::decode(encoded<Refusing>({false}), value));
  CHECK_FALSE(Codec<Refusing>::decode(encoded<Refusing>({true}), value));
}

TEST_CASE("codec: cereal asks for no memory of its own") {
  alignas(16) std::byte memory[64];
  const auto before = ringfleet::test::allocations();
  const auto part = Codec<Flat>::encode(Flat{3, 4}, memory);
  Flat flat;
  const bool decoded = part && Codec<Flat>::decode(*part, flat);
  const auto after = ringfleet::test::allocations();
  CHECK(decoded);
  CHECK(flat.a == 3);
  CHECK(after == before);
}
