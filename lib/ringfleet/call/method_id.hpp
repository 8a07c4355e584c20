#pragma once

// The number that names a method on the wire: FNV-1a, 32 bits, of its name. Part of module ABI level 1, kept in
// level 2.

#include <cstdint>
#include <string_view>

namespace ringfleet::call {

[[nodiscard]] constexpr std::uint32_t method_id(std::string_view name) noexcept {
  std::uint32_t hash = 0x811c'9dc5U;
  for (const char letter : name) {
    hash = (hash ^ static_cast<std::uint8_t>(letter)) * 0x0100'0193U;
  }
  return hash;
}

static_assert(method_id("echo") == 0xd49d'd484U);
static_assert(method_id("process") == 0x9ce9'4d7aU);
static_assert(method_id("increment") == 0x3812'e73eU);

} // namespace ringfleet::call
