#pragma once

// The first page of every segment. The body begins on the second page, so that it is page-aligned and guards can be
// laid into it. The header is written once, before anybody else sees the segment, and never changes afterwards.
//
//      0        4        8       12       16       20       24       28       32
//    0 | magic           | version| kind   | body_bytes      | generation      |
//   32 | boot_id                           | creator| header | creator start   |
//      |                                   | pid    | bytes  | time, ticks     |
//   64 | fingerprint     | checksum        | reserved, zero …                  |
//   96 | … reserved, zero, up to 128                                           |
//  128 | not read, up to 4096                                                  |
// 4096 | body …
//
// `layout_version` is stored last, with release. `checksum` covers everything before it, with the final version.

#include "ringfleet/base/cache_line.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace ringfleet::memory {

enum class SegmentKind : std::uint32_t {
  requests = 1, // a lane, client side
  replies = 2,  // a lane, runner side
  arena = 3,
  route = 4,
  epochs = 5,
  counters = 6,
  ring = 7,
  members = 8, // of a ring: a line for each, written by that member
};

[[nodiscard]] std::string_view to_string(SegmentKind kind) noexcept;

struct SegmentHeader {
  std::uint64_t magic;
  std::uint32_t layout_version;
  std::uint32_t kind; // SegmentKind
  std::uint64_t body_bytes;
  std::uint64_t generation; // of the owner; a new incarnation has a new one
  std::uint8_t boot_id[16]; // /proc/sys/kernel/random/boot_id
  std::uint32_t creator_pid;
  std::uint32_t header_bytes;
  std::uint64_t creator_start_ticks;
  std::uint64_t fingerprint; // of the content's schema
  std::uint64_t checksum;    // FNV-1a of the bytes before it
  std::uint64_t reserved[6];
};

inline constexpr std::uint64_t segment_magic = 0x5445'454c'4647'4e52; // "RNGFLEET" in memory, little endian
inline constexpr std::uint32_t segment_layout_version = 1;
inline constexpr std::size_t segment_body_offset = page_bytes;

static_assert(std::is_standard_layout_v<SegmentHeader> && std::is_trivially_copyable_v<SegmentHeader>);
static_assert(sizeof(SegmentHeader) == 128 && sizeof(SegmentHeader) <= segment_body_offset);
static_assert(offsetof(SegmentHeader, layout_version) == 8);
static_assert(offsetof(SegmentHeader, kind) == 12);
static_assert(offsetof(SegmentHeader, body_bytes) == 16);
static_assert(offsetof(SegmentHeader, generation) == 24);
static_assert(offsetof(SegmentHeader, boot_id) == 32);
static_assert(offsetof(SegmentHeader, creator_pid) == 48);
static_assert(offsetof(SegmentHeader, header_bytes) == 52);
static_assert(offsetof(SegmentHeader, creator_start_ticks) == 56);
static_assert(offsetof(SegmentHeader, fingerprint) == 64);
static_assert(offsetof(SegmentHeader, checksum) == 72);
static_assert(offsetof(SegmentHeader, reserved) == 80);

} // namespace ringfleet::memory
