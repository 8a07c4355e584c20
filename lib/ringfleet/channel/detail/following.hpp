#pragma once

// Whom a subscriber follows: from the stable ids of other readers to the lines of the member table.

#include "ringfleet/base/clock.hpp"
#include "ringfleet/ring/ring_space.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace ringfleet::channel::detail {

// The lines of the reliable readers with these ids: those that have joined, and those that are gone but whose place is
// kept. Waits for the others until `deadline`; throws Error(not_found) with who is missing and who is there.
[[nodiscard]] std::vector<std::uint32_t> lines_to_follow(const ring::RingSpace& space,
                                                         const std::vector<std::string>& ids, MonotonicNs deadline);

// Throws Error(invalid_argument) when one of `followed`, or whom it follows in turn, follows `own`: such readers would
// wait for each other for ever. Call it when the reader of line `own` shows whom it follows; of two that close a circle
// at the same time at least one sees the other.
void refuse_circle(const ring::RingSpace& space, std::uint32_t own, std::span<const std::uint32_t> followed);

} // namespace ringfleet::channel::detail
