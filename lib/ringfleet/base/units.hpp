#pragma once

// Durations and sizes as people write them: "250ms", "64MiB". A plain number is refused where a unit belongs, because
// nobody agrees on what it would mean. What is formatted here can be parsed here again.

#include "ringfleet/base/clock.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace ringfleet {

// Units ns, us, ms, s, m, h; a decimal fraction is allowed ("1.5s"), a sign or a space is not. Throws
// Error(invalid_argument) that says what is wrong with the text and gives an example.
[[nodiscard]] Nanoseconds parse_duration(std::string_view text);

// Units B, KiB, MiB, GiB; a decimal fraction is allowed when it comes to whole bytes. Same errors.
[[nodiscard]] std::uint64_t parse_bytes(std::string_view text);

// Three significant digits in the unit that suits: "850ns", "12.3us", "1.5s", "2h".
[[nodiscard]] std::string format_duration(Nanoseconds duration);

// "512B", "1KiB", "63.5MiB".
[[nodiscard]] std::string format_bytes(std::uint64_t bytes);

} // namespace ringfleet
