#pragma once

// The epoch page as bytes: one line per thread of a client that may be inside the route. Written by the client, read by
// the scheduler.
//
//   line i: | inside u64 | (pad to 64) |     0: outside; else the route epoch under which the thread picks a lane
//
// A thread beyond the last line shares line `limits::epoch_lines - 1` under a lock of its own process.

#include "ringfleet/base/cache_line.hpp"
#include "ringfleet/base/limits.hpp"

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace ringfleet::fleet {

struct alignas(cache_line_bytes) EpochLine {
  std::uint64_t inside;
  std::uint64_t reserved[7];
};

struct EpochLayout {
  EpochLine lines[limits::epoch_lines];
};

inline constexpr std::uint64_t epoch_fingerprint = 0x6570'6f63'6830'3100ULL + sizeof(EpochLayout);

static_assert(sizeof(EpochLine) == cache_line_bytes);
static_assert(sizeof(EpochLayout) == limits::epoch_lines * cache_line_bytes);
static_assert(std::is_standard_layout_v<EpochLayout> && std::is_trivially_copyable_v<EpochLayout>);

} // namespace ringfleet::fleet
