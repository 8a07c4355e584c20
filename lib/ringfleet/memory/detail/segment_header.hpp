#pragma once

// Making a segment's header, and judging one that somebody else made.

#include "ringfleet/memory/segment.hpp"
#include "ringfleet/memory/segment_layout.hpp"

#include <string_view>

namespace ringfleet::memory::detail {

// Complete, checksum and final version included; the caller stores the version last.
[[nodiscard]] SegmentHeader make_header(const SegmentSpec& spec);

// Throws Error(bad_segment) naming the first field that is wrong. `header` is a private copy.
void check_header(const SegmentHeader& header, const Expectation& expected, std::string_view label);

} // namespace ringfleet::memory::detail
