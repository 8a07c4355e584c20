#pragma once

// The result of the demo as one table, or as one JSON object with exactly the keys that docs/cli.md lists.

#include "demo.hpp"

#include <string>

namespace ringfleet::cli::demo {

[[nodiscard]] std::string report_text(const Outcome& outcome, bool colours);
[[nodiscard]] std::string report_json(const Outcome& outcome);

} // namespace ringfleet::cli::demo
