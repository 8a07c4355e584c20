#pragma once

// The codec of trivially copyable types: the bytes are the object. A message is exactly as long as the type. The reader
// trusts the writer with the representation (a bool that is neither 0 nor 1 is the writer's lie), and with pointers:
// put none into a message.

#include "ringfleet/codec/codec.hpp"

#include <cstdint>
#include <cstring>
#include <new>

namespace ringfleet::codec {

template <class T>
concept RawType = std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T> && std::is_object_v<T> &&
                  !std::is_pointer_v<T> && !std::is_member_pointer_v<T> && !std::is_const_v<T> &&
                  !std::is_volatile_v<T> && !std::is_array_v<T>;

template <class T>
struct RawCodec {
  static_assert(RawType<T>,
                "a raw message is a trivially copyable type without a constructor, destructor or pointer of "
                "its own; give any other type a Codec<T>, or use cereal or flatbuffers");

  using Value = T;

  [[nodiscard]] static constexpr std::size_t bound(const T&) noexcept { return sizeof(T); }

  [[nodiscard]] static Encoded encode(const T& value, std::span<std::byte> out) noexcept {
    if (out.size() < sizeof(T)) {
      return std::nullopt;
    }
    std::memcpy(out.data(), &value, sizeof(T));
    return out.first(sizeof(T));
  }

  [[nodiscard]] static bool decode(std::span<const std::byte> in, T& into) noexcept {
    if (in.size() != sizeof(T)) {
      return false;
    }
    std::memcpy(&into, in.data(), sizeof(T));
    return true;
  }

  // Null also when the span is not aligned for T: beyond 16 bytes a ring does not promise that; decode() then.
  [[nodiscard]] static const T* view(std::span<const std::byte> in) noexcept {
    if (in.size() != sizeof(T) || !is_aligned(in.data())) {
      return nullptr;
    }
    return std::launder(reinterpret_cast<const T*>(in.data()));
  }

  // Null when the span is too small or not aligned for T. Without initialisers of its own, T holds what lay there.
  [[nodiscard]] static T* emplace(std::span<std::byte> out) noexcept
    requires std::is_nothrow_default_constructible_v<T>
  {
    return out.size() >= sizeof(T) && is_aligned(out.data()) ? ::new (static_cast<void*>(out.data())) T : nullptr;
  }

  [[nodiscard]] static constexpr Fingerprint fingerprint() noexcept {
    return FingerprintMaker().add("raw").add(schema_name<T>()).add(sizeof(T)).add(alignof(T)).value();
  }

private:
  [[nodiscard]] static bool is_aligned(const std::byte* bytes) noexcept {
    return reinterpret_cast<std::uintptr_t>(bytes) % alignof(T) == 0;
  }
};

template <RawType T>
struct Codec<T> : RawCodec<T> {};

} // namespace ringfleet::codec
