#pragma once

// The schema of a type in 64 bits, compared when somebody attaches: two programs that mean different things by a
// message refuse each other instead of misreading it. It tells accidents, not attacks.

#include <concepts>
#include <cstdint>
#include <string_view>

namespace ringfleet::codec {

using Fingerprint = std::uint64_t;

class FingerprintMaker {
public:
  constexpr FingerprintMaker& add(std::string_view text) noexcept {
    for (const char c : text) {
      add_byte(static_cast<unsigned char>(c));
    }
    return add(text.size()); // so that "ab" + "c" is not "a" + "bc"
  }
  constexpr FingerprintMaker& add(std::uint64_t number) noexcept {
    for (int shift = 0; shift < 64; shift += 8) {
      add_byte(static_cast<unsigned char>(number >> shift));
    }
    return *this;
  }
  // Never 0, which stands for "no schema".
  [[nodiscard]] constexpr Fingerprint value() const noexcept { return hash_ != 0 ? hash_ : 1; }

private:
  constexpr void add_byte(unsigned char byte) noexcept { hash_ = (hash_ ^ byte) * 0x100000001b3ULL; } // FNV-1a

  std::uint64_t hash_ = 0xcbf29ce484222325ULL;
};

// The name of a type as the compiler writes it; the same with g++ and clang for what is not a template and has a name.
template <class T>
[[nodiscard]] constexpr std::string_view type_name() noexcept {
  constexpr std::string_view function = __PRETTY_FUNCTION__;
  constexpr auto begin = function.find("T = ") + 4;
  constexpr auto end = function.find_first_of(";]", begin);
  return function.substr(begin, end - begin);
}

// What a type calls its schema: `static constexpr std::string_view schema = "tick 2";` in the type, else its name.
// Change it when the meaning of the bytes changes and their number does not.
template <class T>
[[nodiscard]] constexpr std::string_view schema_name() noexcept {
  if constexpr (requires {
                  { T::schema } -> std::convertible_to<std::string_view>;
                }) {
    return T::schema;
  } else {
    return type_name<T>();
  }
}

} // namespace ringfleet::codec
