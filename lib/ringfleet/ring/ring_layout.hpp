#pragma once

// The bytes of a ring, beside its slots. What the producer writes and what each reader writes lies on pairs of lines of
// its own, so the two sides may lie in two segments.
//
//   producer                                          reader (one for each)
//    +0   +----------------+----------------+          +0   +----------------+----------------+
//         |             cursor              |               |              gate               |
//    +64  +----------------+----------------+          +64  +----------------+----------------+
//         |             limit               |               |         awaited_cursor          |
//    +128 +----------------+----------------+               +----------------+----------------+
//         |          awaited_gate           |               |          incarnation            |
//         +----------------+----------------+               +----------------+----------------+
//         |             closed              |               |           follows[0]            |
//         +----------------+----------------+               +----------------+----------------+
//         |      bell      |     unused     |               |           follows[1]            |
//    +192 +----------------+----------------+               +----------------+----------------+
//         |             unused              |               |      bell      |     unused     |
//    +256 +----------------+----------------+               +----------------+----------------+
//                                                           |              began              |
//                                                      +128 +----------------+----------------+
//
// cursor: positions below it are published. limit: the producer writes at or beyond no position that is not below it.
// closed: 1 when nothing more will be published. gate: the reader has finished with the positions below it;
// `no_reader`: nobody is there; `lossy_reader`: somebody is there and holds nothing back. incarnation: how often this
// line was taken. follows: a bit for each line whose gate this reader does not pass. began: 0 while its reader is still
// coming in, afterwards 1 + the position at which it began; for whoever finds it dead. awaited_*: what the parked
// thread of that side waits for; bell: the word it sleeps on; see parking.hpp. A slot of position p is number p modulo
// the capacity, a power of two.
//
// Beside them lie an eviction mark for each reader line, written by the producer (the incarnation that it no longer
// waits for; 0: none), and one line `joins` among the readers' lines: how often a line was taken, counted by whoever
// takes one.

#include "ringfleet/ring/sequence.hpp"

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace ringfleet::ring {

inline constexpr std::uint64_t no_reader = ~std::uint64_t{0};
inline constexpr std::uint64_t lossy_reader = no_reader - 1;
inline constexpr std::uint32_t reader_lines_max = 126; // what a parked producer can wait for; see limits.hpp

struct ProducerLines {
  Sequence cursor;
  Sequence limit;
  std::uint64_t awaited_gate;
  std::uint64_t closed;
  std::uint32_t bell;
  std::uint32_t unused_half;
  std::uint64_t unused[13];
};

struct ReaderLines {
  Sequence gate;
  std::uint64_t awaited_cursor;
  std::uint64_t incarnation;
  std::uint64_t follows[2];
  std::uint32_t bell;
  std::uint32_t unused_half;
  std::uint64_t began;
  std::uint64_t unused[2];
};

static_assert(sizeof(ProducerLines) == 2 * cache_line_pair_bytes);
static_assert(offsetof(ProducerLines, limit) == 64 && offsetof(ProducerLines, awaited_gate) == 128);
static_assert(offsetof(ProducerLines, closed) == 136 && offsetof(ProducerLines, bell) == 144);
static_assert(sizeof(ReaderLines) == cache_line_pair_bytes);
static_assert(offsetof(ReaderLines, awaited_cursor) == 64 && offsetof(ReaderLines, incarnation) == 72);
static_assert(offsetof(ReaderLines, follows) == 80 && offsetof(ReaderLines, bell) == 96);
static_assert(offsetof(ReaderLines, began) == 104);
static_assert(std::is_standard_layout_v<ProducerLines> && std::is_trivially_copyable_v<ProducerLines>);
static_assert(std::is_standard_layout_v<ReaderLines> && std::is_trivially_copyable_v<ReaderLines>);
static_assert(8 * sizeof(ReaderLines::follows) >= reader_lines_max);

} // namespace ringfleet::ring
