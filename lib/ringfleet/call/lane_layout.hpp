#pragma once

// The bytes of a call lane. Offsets count from the body of each segment, which starts on a page.
//
// Client's segment (the client writes; the runner maps it read-only):
//
//   0                  request slot 0     64 + round_up(slot_bytes, 64) bytes each
//                      request slot 1 …
//   slots * stride     cold line 0        64 bytes each
//                      cold line 1 …
//
//   request slot                                          cold line
//    +0  +----------------+----------------+               +0  +----------------+----------------+
//        |             stamp               |                   |            awaited              |
//    +8  +----------------+----------------+               +8  +----------------+----------------+
//        |          deadline_ns            |                   |            released             |
//    +16 +----------------+----------------+               +16 +----------------+----------------+
//        |            payload              |                   |             cancel              |
//    +24 +----------------+----------------+               +24 +----------------+----------------+
//        |     method     | payload_bytes  |                   |            (unused)             |
//    +32 +-------+--------+-------+--------+               +64 +----------------+----------------+
//        |      chain: 6 x u16             |
//    +44 +-------+--------+-------+--------+
//        |            (unused)             |
//    +64 +----------------+----------------+
//        |   inline payload (slot_bytes)   |
//        +----------------+----------------+
//
// The payload has lines of its own: whoever writes it never touches the line of the stamp, which the other side is
// reading all the time, until everything else is in place.
//
// Runner's segment (the runner writes; the client maps it read-only):
//
//   page 0   LaneControl: line 0 `closed`, `closed_bell`; line 2 `server_awaits`
//   page 1   guard (PROT_NONE in the runner)
//   page 2   Progress, one line per worker
//   page 3   guard
//   page 4   reply slot 0, 1 …            stride as above; reply i answers request i
//
//   reply slot                                            progress line
//    +0  +----------------+----------------+               +0  +----------------+----------------+
//        |             stamp               |                   |          first_stamp            |
//    +8  +----------------+----------------+               +8  +----------------+----------------+
//        |            payload              |                   |          deadline_ns            |
//    +16 +----------------+----------------+               +16 +----------------+----------------+
//        |     status     |  module_code   |                   |     count      |   (unused)     |
//    +24 +----------------+----------------+               +24 +----------------+----------------+
//        | payload_bytes  |    (unused)    |                   |             check               |
//    +64 +----------------+----------------+               +32 +----------------+----------------+
//        |   inline payload (slot_bytes)   |
//        +----------------+----------------+
//
// `check` is made of the other three, so that a word of the line that was written by accident is noticed. A stamp is
// position + 1, so a fresh segment (zeros) holds no message. A payload word of 0 means "inline"; otherwise bits 56..60
// are the arena's number (1..16) and bits 0..47 the offset in it.

#include "ringfleet/base/bits.hpp"
#include "ringfleet/base/cache_line.hpp"
#include "ringfleet/base/limits.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace ringfleet::call {

struct LaneShape {
  std::uint32_t slots = limits::lane_slots_default;      // a power of two
  std::uint32_t slot_bytes = limits::slot_bytes_default; // inline payload
  std::uint32_t workers = 1;                             // progress lines in use

  friend bool operator==(const LaneShape&, const LaneShape&) = default;
};

// Numbers of the modules a request has passed, 0 ends it.
using Chain = std::array<std::uint16_t, limits::call_depth_max + 1>;

struct RequestHeader {
  std::uint64_t stamp;
  std::uint64_t deadline_ns;
  std::uint64_t payload;
  std::uint32_t method;
  std::uint32_t payload_bytes;
  std::uint16_t chain[limits::call_depth_max + 1]; // a Chain
  std::uint32_t unused[5];
};

struct ReplyHeader {
  std::uint64_t stamp;
  std::uint64_t payload;
  std::uint32_t status;
  std::uint32_t module_code; // two's complement
  std::uint32_t payload_bytes;
  std::uint32_t unused[9];
};

struct ColdLine {
  std::uint64_t awaited;  // stamp a parked thread of the client waits for
  std::uint64_t released; // stamp whose reply the client has finished with; written when the reply lay in an arena
  std::uint64_t cancel;   // stamp of a cancelled request
  std::uint64_t unused[5];
};

struct LaneControl {
  std::uint64_t closed;      // lane_is_open, or C: nothing at or beyond position C was or will be executed
  std::uint32_t closed_bell; // 0, then 1: the futex word of `closed`
  std::uint32_t unused[29];
  std::uint64_t server_awaits; // stamp the parked server waits for; on a line of its own
};

struct Progress {
  std::uint64_t first_stamp; // 0: idle
  std::uint64_t deadline_ns;
  std::uint32_t count;
  std::uint32_t unused;
  std::uint64_t check; // progress_check() of the others
  std::uint64_t unused_too[4];
};

[[nodiscard]] constexpr std::uint64_t progress_check(std::uint64_t first_stamp, std::uint64_t deadline_ns,
                                                     std::uint32_t count) noexcept {
  constexpr std::uint64_t odd = 0x9e37'79b9'7f4a'7c15ULL;
  return ((first_stamp * odd ^ deadline_ns) * odd ^ count) * odd + odd;
}

inline constexpr std::uint64_t lane_is_open = ~std::uint64_t{0};
inline constexpr std::uint64_t lane_layout_version = 1;

inline constexpr std::size_t control_guard_offset = page_bytes;
inline constexpr std::size_t progress_offset = 2 * page_bytes;
inline constexpr std::size_t progress_guard_offset = 3 * page_bytes;
inline constexpr std::size_t replies_offset = 4 * page_bytes;

// Throws nothing; false for a shape outside the limits.
[[nodiscard]] constexpr bool is_valid(const LaneShape& shape) noexcept {
  return shape.slots >= limits::lane_slots_min && shape.slots <= limits::lane_slots_max &&
         is_power_of_two(shape.slots) && shape.slot_bytes >= limits::slot_bytes_min &&
         shape.slot_bytes <= limits::slot_bytes_max && shape.workers >= 1 && shape.workers <= limits::workers_max;
}

[[nodiscard]] constexpr std::size_t slot_stride(const LaneShape& shape) noexcept {
  return round_up<std::size_t>(sizeof(RequestHeader) + shape.slot_bytes, cache_line_bytes);
}
[[nodiscard]] constexpr std::size_t request_offset(const LaneShape& shape, std::uint64_t position) noexcept {
  return (position & (shape.slots - 1)) * slot_stride(shape);
}
[[nodiscard]] constexpr std::size_t cold_offset(const LaneShape& shape, std::uint64_t position) noexcept {
  return shape.slots * slot_stride(shape) + (position & (shape.slots - 1)) * sizeof(ColdLine);
}
[[nodiscard]] constexpr std::size_t reply_offset(const LaneShape& shape, std::uint64_t position) noexcept {
  return replies_offset + (position & (shape.slots - 1)) * slot_stride(shape);
}

// What the bodies of the two segments must hold at least.
[[nodiscard]] constexpr std::size_t client_body_bytes(const LaneShape& shape) noexcept {
  return shape.slots * (slot_stride(shape) + sizeof(ColdLine));
}
[[nodiscard]] constexpr std::size_t runner_body_bytes(const LaneShape& shape) noexcept {
  return replies_offset + shape.slots * slot_stride(shape);
}

// Written into both segment headers, compared on attach: two processes that disagree about any of it must not talk.
[[nodiscard]] constexpr std::uint64_t lane_fingerprint(const LaneShape& shape) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const std::uint64_t value :
       {lane_layout_version, std::uint64_t{shape.slots}, std::uint64_t{shape.slot_bytes}, std::uint64_t{shape.workers},
        std::uint64_t{sizeof(RequestHeader)}, std::uint64_t{sizeof(ReplyHeader)}, std::uint64_t{replies_offset}}) {
    hash = (hash ^ value) * 0x100000001b3ULL;
  }
  return hash;
}

static_assert(sizeof(RequestHeader) == cache_line_bytes && sizeof(ReplyHeader) == cache_line_bytes);
static_assert(offsetof(RequestHeader, stamp) == 0 && offsetof(RequestHeader, deadline_ns) == 8 &&
              offsetof(RequestHeader, payload) == 16 && offsetof(RequestHeader, method) == 24 &&
              offsetof(RequestHeader, payload_bytes) == 28 && offsetof(RequestHeader, chain) == 32);
static_assert(offsetof(ReplyHeader, stamp) == 0 && offsetof(ReplyHeader, payload) == 8 &&
              offsetof(ReplyHeader, status) == 16 && offsetof(ReplyHeader, module_code) == 20 &&
              offsetof(ReplyHeader, payload_bytes) == 24);
static_assert(sizeof(ColdLine) == cache_line_bytes && offsetof(ColdLine, awaited) == 0 &&
              offsetof(ColdLine, released) == 8 && offsetof(ColdLine, cancel) == 16);
static_assert(offsetof(LaneControl, closed) == 0 && offsetof(LaneControl, closed_bell) == 8 &&
              offsetof(LaneControl, server_awaits) == cache_line_pair_bytes);
static_assert(sizeof(Progress) == cache_line_bytes && offsetof(Progress, first_stamp) == 0 &&
              offsetof(Progress, deadline_ns) == 8 && offsetof(Progress, count) == 16 &&
              offsetof(Progress, check) == 24);
static_assert(sizeof(LaneControl) <= page_bytes && limits::workers_max * sizeof(Progress) <= page_bytes);
static_assert(std::is_trivially_copyable_v<RequestHeader> && std::is_standard_layout_v<RequestHeader>);
static_assert(std::is_trivially_copyable_v<ReplyHeader> && std::is_standard_layout_v<ReplyHeader>);
static_assert(std::is_trivially_copyable_v<ColdLine> && std::is_standard_layout_v<ColdLine>);
static_assert(std::is_trivially_copyable_v<LaneControl> && std::is_standard_layout_v<LaneControl>);
static_assert(std::is_trivially_copyable_v<Progress> && std::is_standard_layout_v<Progress>);

} // namespace ringfleet::call
