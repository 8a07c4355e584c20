#pragma once

// The route as bytes: which runners serve which module. Written by the scheduler only, mapped read-only by every
// client.
//
//   offset      0 +--------------------------------+
//                 | epoch u64                      |  its low bit selects the copy that is in force
//              64 +--------------------------------+
//                 | copy 0: modules[modules_max]   |  8 bytes each: first target, target count, service
//                 |         targets[targets_max]   |  8 bytes each: runner serial
//                 +--------------------------------+
//                 | copy 1: likewise               |
//                 +--------------------------------+
//
// A module's entry is one word, so it is never torn; its index is the module's number.

#include "ringfleet/base/cache_line.hpp"
#include "ringfleet/base/limits.hpp"

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace ringfleet::fleet {

inline constexpr std::uint32_t route_targets_max = limits::runners_max;

// What a caller does when a module has no target.
enum class Service : std::uint16_t {
  absent = 0,  // no such module: fail
  serving = 1, // targets are there, or will be in a moment (start, restart): wait until the deadline
  failed = 2,  // crash loop or failed start: fail at once
};

// modules[] word: first target in bits 0..19, count in 20..39, Service in 40..43, generation in 44..63. The generation
// tells a module from an earlier one that had the same number.
struct RouteCopy {
  std::uint64_t modules[limits::modules_max + 1]; // [0] is unused: number 0 is "no module"
  std::uint64_t targets[route_targets_max];
};

struct alignas(cache_line_bytes) RouteLayout {
  std::uint64_t epoch; // 0: nothing published yet
  std::uint64_t reserved[7];
  RouteCopy copies[2];
};

inline constexpr std::uint64_t route_fingerprint = 0x726f'7574'6530'3100ULL + sizeof(RouteLayout);

static_assert(offsetof(RouteLayout, epoch) == 0);
static_assert(offsetof(RouteLayout, copies) == cache_line_bytes);
static_assert(std::is_standard_layout_v<RouteLayout> && std::is_trivially_copyable_v<RouteLayout>);
static_assert(route_targets_max < (1U << 20));

inline constexpr std::uint32_t generation_mask = (1U << 20) - 1;

struct RouteEntry {
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  Service service = Service::absent;
  std::uint32_t generation = 0;
};

[[nodiscard]] constexpr std::uint64_t pack(RouteEntry entry) noexcept {
  return static_cast<std::uint64_t>(entry.first) | static_cast<std::uint64_t>(entry.count) << 20 |
         static_cast<std::uint64_t>(entry.service) << 40 |
         static_cast<std::uint64_t>(entry.generation & generation_mask) << 44;
}

[[nodiscard]] constexpr RouteEntry unpack(std::uint64_t word) noexcept {
  return {static_cast<std::uint32_t>(word & 0xf'ffff), static_cast<std::uint32_t>(word >> 20 & 0xf'ffff),
          static_cast<Service>(word >> 40 & 0xf), static_cast<std::uint32_t>(word >> 44)};
}

} // namespace ringfleet::fleet
