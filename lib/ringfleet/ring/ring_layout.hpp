#pragma once

// The bytes of a ring, beside its slots. What the producer writes and what each reader writes lies on pairs of lines of
// its own, so the two sides may lie in two segments.
//
//   producer                                          reader (one for each)
//    +0   +----------------+----------------+          +0   +----------------+----------------+
//         |             cursor              |               |              gate               |
//    +64  +----------------+----------------+          +64  +----------------+----------------+
//         |          awaited_gate           |               |         awaited_cursor          |
//    +128 +----------------+----------------+          +128 +----------------+----------------+
//
// cursor: positions below it are published. gate: the reader has finished with the positions below it; `no_reader`:
// nobody is there. awaited_*: what the parked thread of that side waits for; see parking.hpp. A slot of position p is
// number p modulo the capacity, a power of two.

#include "ringfleet/ring/sequence.hpp"

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace ringfleet::ring {

inline constexpr std::uint64_t no_reader = ~std::uint64_t{0};

struct ProducerLines {
  Sequence cursor;
  std::uint64_t awaited_gate;
  std::uint64_t unused[7];
};

struct ReaderLines {
  Sequence gate;
  std::uint64_t awaited_cursor;
  std::uint64_t unused[7];
};

static_assert(sizeof(ProducerLines) == cache_line_pair_bytes && offsetof(ProducerLines, awaited_gate) == 64);
static_assert(sizeof(ReaderLines) == cache_line_pair_bytes && offsetof(ReaderLines, awaited_cursor) == 64);
static_assert(std::is_standard_layout_v<ProducerLines> && std::is_trivially_copyable_v<ProducerLines>);
static_assert(std::is_standard_layout_v<ReaderLines> && std::is_trivially_copyable_v<ReaderLines>);

} // namespace ringfleet::ring
