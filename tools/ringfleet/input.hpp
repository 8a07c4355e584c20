#pragma once

// What the CLI reads: the arguments of a call from text, file or standard input, and durations such as `250ms`.

#include "ringfleet/base/clock.hpp"

#include <string>
#include <string_view>

namespace ringfleet::cli {

// "5s", "250ms", "1.5s", "2min"; throws Failure(usage) that names the option and what is expected.
[[nodiscard]] Nanoseconds parse_duration(std::string_view option, std::string_view text);

// The whole file, "-" is standard input. Throws Failure(usage): missing, unreadable, a directory, or more than
// limits::payload_bytes_max.
[[nodiscard]] std::string read_input(const std::string& path);

} // namespace ringfleet::cli
