#pragma once

// Where the ringfleet-runner program lies.

#include <string>

namespace ringfleet::fleet {

// `wanted` if not empty, else $RINGFLEET_RUNNER, else beside this program, else where it stands in a build tree beside
// it, else the installed one, else in PATH. Throws Error(not_found) that lists everywhere it looked.
[[nodiscard]] std::string find_runner_program(const std::string& wanted);

} // namespace ringfleet::fleet
