#pragma once

// The bytes of a frame ring: records on a ring of 64-byte blocks. A record begins on a block, is contiguous, and never
// runs across the end of the ring: every multiple of the capacity begins a record.
//
//    +0  +-------------------------------+-------------------------------+
//        |            length             |     kind      | form  |   0   |
//    +8  +-------------------------------+-------------------------------+
//        |                           position                            |
//    +16 +---------------------------------------------------------------+
//        |  payload: `length` bytes, then nothing up to the next block   |
//
// position: of the first block of this record. A record names its own place, so that what an earlier lap left, or a
// payload, is not taken for a record. form: what the payload is. kind: the user's.
//
//   data      the message                       first, middle, last   a FragmentHeader, then a part of the message
//   padding   nothing; to be skipped            loan                  a LoanRecord: the message lies in an arena
//   aborted   an AbortRecord: what came of that message so far is void
//
// The id of a message is the position of its first record: unique and increasing in the life of a ring.

#include "ringfleet/base/cache_line.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace ringfleet::frame {

// The unit of a frame ring. Two records never share one, so two writers never share a line.
struct alignas(cache_line_bytes) FrameBlock {
  std::byte bytes[cache_line_bytes];
};

enum class RecordForm : std::uint8_t { data = 1, padding, first, middle, last, loan, aborted };

struct RecordHeader {
  std::uint32_t length;
  std::uint16_t kind;
  RecordForm form;
  std::uint8_t zero;
  std::uint64_t position;
};

struct FragmentHeader {
  std::uint64_t message; // id: the position of the first fragment
  std::uint64_t total;   // bytes of the whole message
  std::uint64_t offset;  // of this part in it
};

struct LoanRecord {
  std::uint64_t payload;  // a payload word: arena and offset
  std::uint64_t bytes;    // length of the message
  std::uint64_t position; // in the life of the arena; below its floor the loan is void
};

struct AbortRecord {
  std::uint64_t message;
};

static_assert(sizeof(FrameBlock) == 64 && alignof(FrameBlock) == 64);
static_assert(sizeof(RecordHeader) == 16 && offsetof(RecordHeader, kind) == 4 && offsetof(RecordHeader, form) == 6 &&
              offsetof(RecordHeader, zero) == 7 && offsetof(RecordHeader, position) == 8);
static_assert(sizeof(FragmentHeader) == 24 && offsetof(FragmentHeader, total) == 8 &&
              offsetof(FragmentHeader, offset) == 16);
static_assert(sizeof(LoanRecord) == 24 && offsetof(LoanRecord, bytes) == 8 && offsetof(LoanRecord, position) == 16);
static_assert(sizeof(AbortRecord) == 8);
static_assert(std::is_standard_layout_v<RecordHeader> && std::is_trivially_copyable_v<RecordHeader>);
static_assert(std::is_standard_layout_v<FragmentHeader> && std::is_trivially_copyable_v<FragmentHeader>);
static_assert(std::is_standard_layout_v<LoanRecord> && std::is_trivially_copyable_v<LoanRecord>);
static_assert(std::is_standard_layout_v<FrameBlock> && std::is_trivially_copyable_v<FrameBlock>);

inline constexpr std::uint64_t block_bytes = sizeof(FrameBlock);
inline constexpr std::uint64_t record_header_bytes = sizeof(RecordHeader);
inline constexpr std::uint64_t fragment_overhead_bytes = sizeof(RecordHeader) + sizeof(FragmentHeader);
// A payload begins here in its block, so this is what it is aligned to.
inline constexpr std::uint64_t payload_alignment = record_header_bytes;

// Below this a quarter of the ring is not a block.
inline constexpr std::uint64_t frame_capacity_min = 4;
inline constexpr std::uint64_t record_blocks_limit = std::uint64_t{1} << 25;

[[nodiscard]] constexpr std::uint64_t blocks_of(std::uint64_t payload_bytes) noexcept {
  return (record_header_bytes + payload_bytes + block_bytes - 1) / block_bytes;
}
// A quarter of the ring: with the padding at the wrap, a record never needs more than half of it.
[[nodiscard]] constexpr std::uint64_t record_blocks_max(std::uint64_t capacity) noexcept {
  return std::min(capacity / 4, record_blocks_limit);
}
[[nodiscard]] constexpr std::uint64_t record_bytes_max(std::uint64_t capacity) noexcept {
  return record_blocks_max(capacity) * block_bytes - record_header_bytes;
}

static_assert(record_blocks_limit * block_bytes <= std::uint64_t{1} << 32, "the length of a record is 32 bits wide");
static_assert(block_bytes > fragment_overhead_bytes, "a fragment of one block carries something");

} // namespace ringfleet::frame
