#pragma once

// How a type becomes bytes and bytes become the type: `Codec<T>`, static functions over spans, without state. Trivially
// copyable types have one as soon as raw.hpp is included, flatbuffers tables by flatbuffers.hpp; cereal is chosen by
// one line; anything else is one specialisation:
//
//   template <>
//   struct ringfleet::codec::Codec<Order> {
//     using Value = Order;
//     static std::size_t bound(const Order&);
//     static std::optional<std::span<std::byte>> encode(const Order&, std::span<std::byte>);
//     static bool decode(std::span<const std::byte>, Order&);
//     static Fingerprint fingerprint();
//   };
//
// What each has to promise:
//
//   bound        bytes that are enough for encode(); where that is not known, what to try first
//   encode       writes somewhere in the span and returns that part; empty when the span is too small (try twice as
//                much) or the value cannot be encoded. The span is 16-byte aligned and need not be zero.
//   decode       false for bytes that are not a message; whatever they are, it neither throws nor reads or writes
//                elsewhere, and asks for memory in proportion to their number. `Value` is then valid, but unspecified.
//   view         where the format allows: the value in place, verified, in the span; null for what is not a message
//   emplace      where the format allows: a value to be filled in place, at the beginning of the span
//   fingerprint  of the schema

#include "ringfleet/codec/fingerprint.hpp"

#include <concepts>
#include <cstddef>
#include <optional>
#include <span>
#include <type_traits>

namespace ringfleet::codec {

template <class T>
struct Codec;

using Encoded = std::optional<std::span<std::byte>>;

// `V` can be published as a T: T itself or, for flatbuffers, a native table or a function that builds.
template <class T, class V = typename Codec<T>::Value>
concept Encodable = requires(const V& value, std::span<std::byte> out) {
  { Codec<T>::bound(value) } -> std::convertible_to<std::size_t>;
  { Codec<T>::encode(value, out) } -> std::same_as<Encoded>;
};

template <class T>
concept Decodable = requires(std::span<const std::byte> in, typename Codec<T>::Value& into) {
  { Codec<T>::decode(in, into) } -> std::same_as<bool>;
};

// The view is a `const T*` into the span.
template <class T>
concept Viewable = requires(std::span<const std::byte> in) {
  { Codec<T>::view(in) } -> std::same_as<const T*>;
};

template <class T>
concept Emplaceable = requires(std::span<std::byte> out) {
  { Codec<T>::emplace(out) } -> std::same_as<T*>;
};

// What a typed channel can carry.
template <class T>
concept Message = (Decodable<T> || Viewable<T>) && requires {
  { Codec<T>::fingerprint() } -> std::convertible_to<Fingerprint>;
};

template <class T>
[[nodiscard]] Fingerprint fingerprint_of() {
  return Codec<T>::fingerprint();
}

} // namespace ringfleet::codec
