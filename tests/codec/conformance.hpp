#pragma once

// What every codec has to do, whatever its format. A test file names a subject: the type, values of it, and how to
// compare them.

#include "../seed.hpp"
#include "ringfleet/codec/codec.hpp"

#include <algorithm>
#include <cstring>
#include <doctest/doctest.h>
#include <memory>
#include <random>
#include <vector>

namespace ringfleet::codec::test {

using Bytes = std::vector<std::byte>;

// Exactly as long as the message, so that AddressSanitizer sees every byte beyond it, and 16-byte aligned.
class Exact {
public:
  explicit Exact(std::span<const std::byte> bytes)
      : memory_(static_cast<std::byte*>(::operator new(std::max<std::size_t>(bytes.size(), 1), std::align_val_t{16}))),
        bytes_(memory_.get(), bytes.size()) {
    std::ranges::copy(bytes, memory_.get());
  }
  std::span<std::byte> bytes() const { return bytes_; }

private:
  struct Free {
    void operator()(std::byte* memory) const { ::operator delete(memory, std::align_val_t{16}); }
  };
  std::unique_ptr<std::byte, Free> memory_;
  std::span<std::byte> bytes_;
};

// Encodes as a publisher does: bound() first, then twice as much until it fits.
template <class T>
Bytes encoded(const typename Codec<T>::Value& value) {
  for (auto bytes = Codec<T>::bound(value);; bytes *= 2) {
    const Exact memory(Bytes(bytes, std::byte{0xa5}));
    if (const auto part = Codec<T>::encode(value, memory.bytes())) {
      REQUIRE(part->size() <= bytes);
      REQUIRE((part->empty() || (part->data() >= memory.bytes().data() &&
                                 part->data() + part->size() <= memory.bytes().data() + bytes)));
      return {part->begin(), part->end()};
    }
    REQUIRE(bytes < (std::size_t{1} << 24));
  }
}

// Whatever the bytes are: an answer, and nothing else. What is taken for a message can be encoded.
template <class T>
bool survives(std::span<const std::byte> bytes) {
  const Exact memory(bytes);
  if constexpr (Viewable<T>) {
    const auto* view = Codec<T>::view(memory.bytes());
    CHECK((view == nullptr || (reinterpret_cast<const std::byte*>(view) >= memory.bytes().data() &&
                               reinterpret_cast<const std::byte*>(view) < memory.bytes().data() + bytes.size())));
  }
  typename Codec<T>::Value value{};
  const bool is_message = Codec<T>::decode(memory.bytes(), value);
  if (is_message) {
    CHECK_NOTHROW((void)encoded<T>(value));
  }
  return is_message;
}

template <class Subject>
void check_round_trip() {
  using T = typename Subject::Type;
  for (const auto& sample : Subject::samples()) {
    const Exact memory(encoded<T>(sample));
    typename Codec<T>::Value value{};
    REQUIRE(Codec<T>::decode(memory.bytes(), value));
    CHECK(Subject::equal(value, sample));
    if constexpr (Viewable<T>) {
      CHECK(Subject::equal_view(Codec<T>::view(memory.bytes()), sample));
    }
  }
}

// A span that is too small is refused; not a byte beyond it is touched.
template <class Subject>
void check_small_spans() {
  using T = typename Subject::Type;
  for (const auto& sample : Subject::samples()) {
    const auto needed = encoded<T>(sample).size();
    for (std::size_t bytes = 0; bytes < needed; ++bytes) {
      const Exact memory(Bytes(bytes, std::byte{0}));
      CHECK_FALSE(Codec<T>::encode(sample, memory.bytes()));
    }
  }
}

template <class Subject>
void check_undecodable() {
  using T = typename Subject::Type;
  CHECK_FALSE(survives<T>({}));
  for (const auto& sample : Subject::samples()) {
    const auto good = encoded<T>(sample);
    CHECK(survives<T>(good));
    for (std::size_t bytes = 0; bytes < good.size(); ++bytes) {
      const bool taken = survives<T>(std::span(good).first(bytes));
      CHECK_FALSE((taken && Subject::is_exact));
    }
    auto longer = good;
    longer.push_back(std::byte{1});
    CHECK_FALSE((survives<T>(longer) && Subject::is_exact));
    for (std::size_t i = 0; i < good.size(); ++i) {
      for (const unsigned flip : {0x01U, 0x02U, 0x04U, 0x08U, 0x10U, 0x20U, 0x40U, 0x80U, 0xffU}) {
        auto bad = good;
        bad[i] ^= static_cast<std::byte>(flip);
        (void)survives<T>(bad);
      }
    }
  }
}

template <class Subject>
void check_random(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  for (int round = 0; round < 3'000; ++round) {
    Bytes bytes(random() % 200);
    for (auto& byte : bytes) {
      // Small numbers make lengths and offsets that nearly fit.
      byte = static_cast<std::byte>(random() % (round % 2 == 0 ? 256 : 9));
    }
    (void)survives<typename Subject::Type>(bytes);
  }
}

template <class Subject>
void check_codec() {
  using T = typename Subject::Type;
  static_assert(Message<T> && Decodable<T> && Encodable<T>);
  const auto seed = ringfleet::test::seed_or(20'261'121);
  CAPTURE(seed);
  CHECK(fingerprint_of<T>() != 0);
  CHECK(fingerprint_of<T>() == fingerprint_of<T>());
  check_round_trip<Subject>();
  check_small_spans<Subject>();
  check_undecodable<Subject>();
  check_random<Subject>(seed);
}

} // namespace ringfleet::codec::test
