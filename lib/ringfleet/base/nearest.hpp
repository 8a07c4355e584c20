#pragma once

// "Did you mean …?": the known word that somebody most likely wanted to type.

#include <span>
#include <string_view>

namespace ringfleet {

// Empty when none of them is near: more than one letter in three (rounded up) would have to be changed, added, left
// out, or exchanged with its neighbour. Of equals the first.
[[nodiscard]] std::string_view nearest(std::string_view word, std::span<const std::string_view> known);

} // namespace ringfleet
