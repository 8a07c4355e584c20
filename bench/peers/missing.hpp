#pragma once

// The row of a peer that is not installed here, or was not built: it says so in the result.

#include "harness/experiment.hpp"

#include <string>
#include <utility>

namespace ringfleet::bench {

[[nodiscard]] inline Row missing_row(std::string name, Parameters parameters, std::string why) {
  return {.name = std::move(name), .parameters = std::move(parameters), .measure = {}, .missing = std::move(why)};
}

} // namespace ringfleet::bench
