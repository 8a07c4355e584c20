#pragma once

// A picture as text for people (one aligned table) and as one JSON object for programs.

#include "picture.hpp"

#include <string>

namespace ringfleet::stat {

[[nodiscard]] std::string as_table(const Picture& picture);
[[nodiscard]] std::string as_json(const Picture& picture);

} // namespace ringfleet::stat
