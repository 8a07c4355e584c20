#pragma once

// "Did you mean …?": the known word that somebody most likely wanted to type.

#include <string>
#include <string_view>
#include <vector>

namespace ringfleet::cli {

// Empty when none of them is near: more than one letter in three would have to be changed, added, left out, or
// exchanged with its neighbour.
[[nodiscard]] std::string nearest(std::string_view word, const std::vector<std::string>& known);

} // namespace ringfleet::cli
