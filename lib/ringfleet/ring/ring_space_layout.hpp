#pragma once

// How the segments of a ring are divided. The number of segments does not depend on the number of members.
//
//   ring segment (the producer writes, readers map it read-only)      member segment (every member writes its lines)
//     +0    RingShape    written before anybody sees it                 +0    joins
//     +128  OwnerLine    who produces, in which generation              +64   PidScope
//     +256  ProducerLines                                                     grace_ns
//           eviction marks, one for each member                         +128  MemberLine[members]
//                                                                             ReaderLines[members]
//           claim table, where many produce                         arena segment: arenas, one behind the other
//             with arenas: lenders, one word each                     (the producer writes, or whoever holds the arena)
//           units, on a page of their own
//
// OwnerLine:
//    +0  | word: generation, state    | start_ticks               |
//    +16 | pid_namespace              | boot_id ...               |
//    +32 | ... boot_id                | pid         | unused      |
//
// A new owner stores `word` with state `absent`, fills in the rest, then stores `word` with the next generation and
// `owned`. Whoever reads takes `word`, the rest, and `word` again: unchanged, or try again.

#include "ringfleet/base/cache_line.hpp"
#include "ringfleet/ring/sequence.hpp"

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace ringfleet::ring {

// Of the lines of a ring and of its members, where memory::segment_layout_version is of the header before them. Rings
// from before this number hold 0; their readers never say where they began.
inline constexpr std::uint32_t ring_layout_version = 2;
// Of rings with many producers and arenas, which builds without those are to refuse.
inline constexpr std::uint32_t ring_layout_version_lenders = 3;

struct RingShape {
  std::uint64_t capacity; // units; a power of two
  std::uint32_t unit_bytes;
  std::uint32_t members;     // lines of the member table
  std::uint32_t producers;   // Producers
  std::uint32_t waiting;     // 0 spin, 1 park
  std::uint32_t lossy;       // 1: readers without a gate are admitted
  std::uint32_t layout;      // ring_layout_version, or ring_layout_version_lenders where there are lenders
  std::uint64_t arena_bytes; // of each arena; 0: no arena
  std::uint64_t claim_bytes; // of the claim table; 0 with one producer
  std::uint64_t lenders;     // arenas of a ring with many producers; 0: one arena at most, and nobody takes it
  std::uint64_t reserved[8];
  std::uint64_t checksum; // FNV-1a of the bytes before it
};

enum class OwnerState : std::uint32_t {
  absent = 0, // nobody produces: not yet, or not any more
  owned = 1,
  replaced = 2 // never again: another ring has this name now
};

inline constexpr unsigned owner_state_bits = 2; // the low bits of `word`; the generation takes the other 62

struct alignas(cache_line_bytes) OwnerLine {
  std::uint64_t word;
  std::uint64_t start_ticks;
  std::uint64_t pid_namespace;
  std::uint64_t boot_id[2];
  std::uint32_t pid;
  std::uint32_t unused;
};

struct RingHead {
  RingShape shape;
  OwnerLine owner;
  std::uint64_t unused[8];
};

// In which boot and which PID namespace the pids of the member lines mean something. Written by an owner that continues
// the ring, while no line is held by anybody of another scope.
struct PidScope {
  std::uint64_t boot_id[2];
  std::uint64_t pid_namespace;
};

struct alignas(cache_line_bytes) TableHead {
  Sequence joins;
  PidScope scope;
  // For how long the place of a dead member is kept, as the owner says: also whoever else proves a death has to know.
  // Builds without this word left it zero, and looked at it as zero.
  std::uint64_t grace_ns;
  std::uint64_t unused[4];
};

static_assert(sizeof(RingShape) == 128 && offsetof(RingShape, arena_bytes) == 32);
static_assert(offsetof(RingShape, layout) == 28 && offsetof(RingShape, checksum) == 120);
static_assert(offsetof(RingShape, lenders) == 48);
static_assert(sizeof(OwnerLine) == 64 && offsetof(OwnerLine, boot_id) == 24 && offsetof(OwnerLine, pid) == 40);
static_assert(sizeof(RingHead) == 256 && offsetof(RingHead, owner) == 128);
static_assert(sizeof(TableHead) == cache_line_pair_bytes && offsetof(TableHead, scope) == 64);
static_assert(offsetof(TableHead, grace_ns) == 88);
static_assert(std::is_standard_layout_v<RingHead> && std::is_trivially_copyable_v<RingHead>);
static_assert(std::is_standard_layout_v<TableHead> && std::is_trivially_copyable_v<TableHead>);

} // namespace ringfleet::ring
