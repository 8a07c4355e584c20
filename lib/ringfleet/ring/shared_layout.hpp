#pragma once

// The bytes of a ring that many producers write, beside its slots and its reader lines (those are as in
// ring_layout.hpp). All of them lie in one segment that every producer maps writable and every reader read-only.
//
//   lines                                             owners
//    +0   +----------------+----------------+          +0    +----------------+----------------+
//         |              tail               |                |      identity[0 … 255]          |
//    +128 +----------------+----------------+          +2048 +----------------+----------------+
//         |             granted             |                |      awaited_gate[0 … 255]      |
//         +----------------+----------------+          +4096 +----------------+----------------+
//         |              limit              |
//         +----------------+----------------+         descriptors, one for each slot
//         |            finished             |          +0    +----------------+----------------+
//         +----------------+----------------+                |          descriptor[0]          |
//         |             closed              |          +8    +----------------+----------------+
//         +----------------+----------------+
//         |        awaited_descriptor       |
//         +----------------+----------------+
//         |  owners_used   |      bell      |
//         +----------------+----------------+
//         |           owner_joins           |
//    +256 +----------------+----------------+
//
//   tail word     63             22 21         8 7      0      the latest claim
//                 |    position    |   length   | owner |
//   descriptor    63               24 23     10 9     2 1 0    the claim that begins at this slot
//                 |      lap        | length  | owner | fate |
//
// granted: claims may go up to here. limit: nothing is written at or beyond it, now or before a newcomer's gate was
// looked for; granted <= limit. finished: every claim below it is committed or aborted. closed: 1 when nothing more
// will be published. awaited_descriptor: the claim that a producer waits for where no reader holds the ring back.
// owner_joins: how often a number was taken. identity: which process holds the owner number, 0: nobody; number 0 is
// never given out. awaited_gate: what the parked producer waits for.
//
// The wrap rule. A position has 64 bits; the tail word keeps the low 42, and the rest follows from `granted`, which is
// never more than two capacities ahead. A descriptor's lap is the position divided by the capacity, 40 bits of it.
// So one thing may go wrong, and takes a process that is stopped inside a claim until exactly a multiple of 2^42
// positions has gone by (12 hours at 100 million a second) and the latest claim has the same owner and length. A cell
// that no claim began at is mistaken for a new one if it stays untouched for a multiple of 2^40 laps exactly.

#include "ringfleet/ring/ring_layout.hpp"

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace ringfleet::ring {

inline constexpr std::uint32_t owners_max = 256; // number 0 is nobody's
inline constexpr unsigned owner_bits = 8;
inline constexpr unsigned claim_length_bits = 14;
inline constexpr unsigned tail_position_bits = 64 - claim_length_bits - owner_bits;
inline constexpr unsigned fate_bits = 2;
inline constexpr unsigned lap_bits = 64 - claim_length_bits - owner_bits - fate_bits;
inline constexpr std::uint64_t claim_length_max = (std::uint64_t{1} << claim_length_bits) - 1;
inline constexpr std::uint64_t shared_capacity_max = std::uint64_t{1} << 32;

static_assert(owners_max == 1U << owner_bits);
static_assert(tail_position_bits == 42 && lap_bits == 40);
static_assert(4 * shared_capacity_max < std::uint64_t{1} << tail_position_bits, "the tail is found near `granted`");

struct SharedLines {
  alignas(cache_line_pair_bytes) std::uint64_t tail;
  std::uint64_t unused_pair[15];
  std::uint64_t granted;
  std::uint64_t limit;
  std::uint64_t finished;
  std::uint64_t closed;
  std::uint64_t awaited_descriptor;
  std::uint32_t owners_used;
  std::uint32_t bell;
  std::uint64_t owner_joins;
  std::uint64_t unused[9];
};

struct OwnerTable {
  alignas(cache_line_bytes) std::uint64_t identity[owners_max];
  std::uint64_t awaited_gate[owners_max];
};

static_assert(sizeof(SharedLines) == 2 * cache_line_pair_bytes && offsetof(SharedLines, granted) == 128);
static_assert(offsetof(SharedLines, limit) == 136 && offsetof(SharedLines, finished) == 144);
static_assert(offsetof(SharedLines, closed) == 152 && offsetof(SharedLines, awaited_descriptor) == 160);
static_assert(offsetof(SharedLines, owners_used) == 168 && offsetof(SharedLines, bell) == 172);
static_assert(offsetof(SharedLines, owner_joins) == 176);
static_assert(sizeof(OwnerTable) == 4096 && offsetof(OwnerTable, awaited_gate) == 2048);
static_assert(std::is_standard_layout_v<SharedLines> && std::is_trivially_copyable_v<SharedLines>);
static_assert(std::is_standard_layout_v<OwnerTable> && std::is_trivially_copyable_v<OwnerTable>);

enum class Fate : std::uint8_t {
  none, // nobody has claimed here in this lap, as far as the descriptor knows
  claimed,
  committed,
  aborted // by its owner, or by whoever has proof that its owner is dead
};

// A claim as the tail word or a descriptor tells it, with its whole position.
struct Claim {
  std::uint64_t begin = 0;
  std::uint64_t length = 0;
  std::uint32_t owner = 0;
  Fate fate = Fate::none;

  [[nodiscard]] constexpr std::uint64_t end() const noexcept { return begin + length; }
};

[[nodiscard]] constexpr std::uint64_t low_bits(std::uint64_t value, unsigned bits) noexcept {
  return value & ((std::uint64_t{1} << bits) - 1);
}

[[nodiscard]] constexpr std::uint64_t tail_word(const Claim& claim) noexcept {
  return claim.begin << (claim_length_bits + owner_bits) | claim.length << owner_bits | claim.owner;
}
// `granted`: at or beyond the end of the claim, by less than 2^42.
[[nodiscard]] constexpr Claim claim_of_tail(std::uint64_t word, std::uint64_t granted) noexcept {
  const auto behind = low_bits(granted - (word >> (claim_length_bits + owner_bits)), tail_position_bits);
  return {.begin = granted - behind,
          .length = low_bits(word >> owner_bits, claim_length_bits),
          .owner = static_cast<std::uint32_t>(low_bits(word, owner_bits)),
          .fate = Fate::claimed};
}

// `lap`: the claim's begin divided by the capacity.
[[nodiscard]] constexpr std::uint64_t descriptor_of(const Claim& claim, std::uint64_t lap) noexcept {
  return lap << (64 - lap_bits) | claim.length << (owner_bits + fate_bits) | std::uint64_t{claim.owner} << fate_bits |
         static_cast<std::uint64_t>(claim.fate);
}
// Is it a claim of one position, committed? The usual case, told by one comparison: a walk need not wait for the length
// that one descriptor says before it looks at the next.
[[nodiscard]] constexpr bool is_single_committed(std::uint64_t descriptor, std::uint64_t lap) noexcept {
  constexpr auto owner_mask = std::uint64_t{owners_max - 1} << fate_bits;
  return (descriptor & ~owner_mask) == descriptor_of({.length = 1, .fate = Fate::committed}, lap);
}
// A claim of fate `none` when the descriptor belongs to another lap.
[[nodiscard]] constexpr Claim claim_of_descriptor(std::uint64_t descriptor, std::uint64_t begin,
                                                  std::uint64_t lap) noexcept {
  if (descriptor >> (64 - lap_bits) != low_bits(lap, lap_bits)) {
    return {.begin = begin};
  }
  return {.begin = begin,
          .length = low_bits(descriptor >> (owner_bits + fate_bits), claim_length_bits),
          .owner = static_cast<std::uint32_t>(low_bits(descriptor >> fate_bits, owner_bits)),
          .fate = static_cast<Fate>(low_bits(descriptor, fate_bits))};
}

} // namespace ringfleet::ring
