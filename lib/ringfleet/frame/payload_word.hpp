#pragma once

// Where a payload lies, in one word: 0 = inline in its slot, else the number of an arena (bits 56..60) and an offset in
// it (bits 0..47). Offsets, never pointers: every process maps an arena somewhere else.

#include "ringfleet/base/limits.hpp"

#include <cstdint>

namespace ringfleet::frame {

inline constexpr unsigned arena_shift = 56;
inline constexpr std::uint64_t offset_mask = (std::uint64_t{1} << 48) - 1;
inline constexpr std::uint64_t arena_mask = 0x1f;

[[nodiscard]] constexpr std::uint64_t payload_word(std::uint32_t arena, std::uint64_t offset) noexcept {
  return (std::uint64_t{arena} << arena_shift) | offset;
}
[[nodiscard]] constexpr std::uint32_t arena_of(std::uint64_t word) noexcept {
  return static_cast<std::uint32_t>((word >> arena_shift) & arena_mask);
}
[[nodiscard]] constexpr std::uint64_t offset_of(std::uint64_t word) noexcept {
  return word & offset_mask;
}

static_assert(limits::arenas_per_side_max <= arena_mask);
static_assert(limits::arena_bytes_max <= offset_mask);

} // namespace ringfleet::frame
