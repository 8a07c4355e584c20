#pragma once

// A row that counts instead of timing: the answer is the same in each round, so it is asked for once.

#include "harness/experiment.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace ringfleet::bench {

[[nodiscard]] inline Row counted_row(std::string name, Parameters parameters, std::function<Sample()> count) {
  return {.name = std::move(name),
          .parameters = std::move(parameters),
          .measure = [count = std::move(count), found = std::make_shared<std::optional<Sample>>()](const Slice&) {
            if (!*found) {
              *found = count();
            }
            return **found;
          }};
}

} // namespace ringfleet::bench
