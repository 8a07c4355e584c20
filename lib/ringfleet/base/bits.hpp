#pragma once

// Small integer arithmetic that every layout needs: rounding and powers of two.

#include <bit>
#include <concepts>
#include <cstdint>

namespace ringfleet {

template <std::unsigned_integral T>
[[nodiscard]] constexpr bool is_power_of_two(T value) noexcept {
  return std::has_single_bit(value);
}

// `alignment` must be a power of two.
template <std::unsigned_integral T>
[[nodiscard]] constexpr T round_up(T value, T alignment) noexcept {
  return static_cast<T>((value + alignment - 1) & ~(alignment - 1));
}

} // namespace ringfleet
