#pragma once

// A line of the member table: who has joined a ring, in any process. Its gate lies in the ReaderLines of the same
// number.
//
//    +0  | word                       | kept_position             |
//    +16 | kept_until                 | start_ticks               |
//    +32 | pid         | role         | joined_at                 |
//    +48 | id ...                                                 |
//    +96 | unused, up to 128                                      |
//
// word, from the low end: state (3 bits), pid (22), the low bits of the start time (15), incarnation (24). Pid and
// start are of the process that acts on the line or has joined on it, so a line that nobody finished tells who was at
// it: a claim never leaves an anonymous hole. pid_max is at most 2^22 on Linux. Two processes that get one pid in turn
// have the same 15 bits once in 32,768 times; then the dead one counts as alive until the other one ends, which delays
// and never damages. The incarnation counts how often the line was claimed; it wraps after 16 million, and only an
// observer that was stopped for exactly that many claims could take one for another.
//
// kept_position, kept_until (monotonic): where a member that is gone was, and until when nobody else takes the line.
// Afterwards somebody may, when no other one is free.

#include "ringfleet/base/cache_line.hpp"

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace ringfleet::ring {

enum class MemberState : std::uint32_t {
  free = 0,
  claiming = 1,   // somebody is filling it in
  reclaiming = 2, // somebody is resuming a kept line; what is in it stays valid
  joined = 3,
  vacating = 4, // somebody who has proof of its member's death is taking the gate away
  kept = 5      // its member is gone; its id and position wait for it
};

enum class MemberRole : std::uint32_t {
  reliable = 1, // a reader with a gate
  lossy = 2,    // a reader that may be lapped
  producer = 3  // one of many
};

inline constexpr unsigned member_state_bits = 3;
inline constexpr unsigned member_pid_bits = 22;
inline constexpr unsigned member_start_bits = 15;
inline constexpr unsigned member_incarnation_bits = 24;
inline constexpr std::size_t member_id_bytes = 48; // with a terminating 0

struct alignas(cache_line_pair_bytes) MemberLine {
  std::uint64_t word;
  std::uint64_t kept_position;
  std::uint64_t kept_until;
  std::uint64_t start_ticks;
  std::uint32_t pid;
  std::uint32_t role;      // MemberRole
  std::uint64_t joined_at; // monotonic
  std::uint64_t id[member_id_bytes / 8];
};

static_assert(member_state_bits + member_pid_bits + member_start_bits + member_incarnation_bits == 64);
static_assert(sizeof(MemberLine) == cache_line_pair_bytes);
static_assert(offsetof(MemberLine, pid) == 32 && offsetof(MemberLine, id) == 48);
static_assert(std::is_standard_layout_v<MemberLine> && std::is_trivially_copyable_v<MemberLine>);

} // namespace ringfleet::ring
