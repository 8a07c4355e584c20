#pragma once

// Who is in the member table of a ring whose reader dies.

#include "ringfleet/ring/member_protocol.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ringfleet::kill {

inline constexpr ring::ActorMark the_dead{1, 0};
inline constexpr ring::ActorMark the_survivor{2, 0};
inline constexpr std::size_t witness_line = 3;

// Under which a reader that dies is known.
inline ring::MemberId its_id() {
  return ring::pack_member_id("risk");
}
inline bool nobody(ring::ActorMark) {
  return false;
}
inline bool has_died_by_now(ring::ActorMark actor) { // one of us may have died in the recovery
  return actor == the_dead || actor == the_survivor;
}

// Where the messages lay that somebody gets. One that is torn, or is not the one of its position, is ~0.
using Positions = std::vector<std::uint64_t>;

} // namespace ringfleet::kill
