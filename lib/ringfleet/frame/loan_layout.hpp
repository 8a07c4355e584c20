#pragma once

// The bytes of an arena that lends: one line of the writer's, then the memory that is lent, used in a circle.
//
//    +0  +----------------+----------------+
//        |              floor              |
//        +----------------+----------------+
//        |              lent               |
//        +----------------+----------------+
//        |             unused              |
//    +64 +----------------+----------------+
//        |  memory: what is lent at position p begins at p modulo its size
//
// Positions count bytes in the life of the arena. floor: what was lent below it is void, or will be at any moment.
// lent: nothing was ever lent at or beyond it; a restarted writer goes on there.

#include "ringfleet/base/cache_line.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

namespace ringfleet::frame {

struct alignas(cache_line_bytes) ArenaLines {
  std::uint64_t floor;
  std::uint64_t lent;
  std::uint64_t unused[6];
};

static_assert(sizeof(ArenaLines) == cache_line_bytes && offsetof(ArenaLines, lent) == 8);
static_assert(std::is_standard_layout_v<ArenaLines> && std::is_trivially_copyable_v<ArenaLines>);

// What is lent of a segment of this size.
[[nodiscard]] constexpr std::uint64_t lendable_bytes(std::uint64_t segment_bytes) noexcept {
  return segment_bytes < sizeof(ArenaLines) ? 0 : (segment_bytes - sizeof(ArenaLines)) & ~(cache_line_bytes - 1);
}

} // namespace ringfleet::frame
