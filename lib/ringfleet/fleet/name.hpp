#pragma once

// Names of fleets and modules: they become file names, socket paths and command-line words.

#include <string>
#include <string_view>

namespace ringfleet::fleet {

inline constexpr std::string_view name_rule =
    "1 to 63 letters, digits, '_', '-' or '.', the first a letter or digit, for example \"zstd\"";

// What is wrong with the name; empty when nothing is.
[[nodiscard]] std::string name_problem(std::string_view name);
// The same for a fleet, whose directory lies beside that of the channels.
[[nodiscard]] std::string fleet_name_problem(std::string_view name);

} // namespace ringfleet::fleet
