#pragma once

// Where fleets of this user live: a directory per fleet below one base, all of them mode 0700 and owned by the user.
// The base is $RINGFLEET_DIR, else $XDG_RUNTIME_DIR/ringfleet, else /run/ringfleet for root, else /tmp/ringfleet-UID.

#include <string>
#include <string_view>
#include <vector>

namespace ringfleet::os {

// The directory below the base in which channels, which belong to no fleet, have their counters.
inline constexpr std::string_view channels_directory = "channels";

// Where it would be; touches nothing. Reads the environment.
[[nodiscard]] std::string runtime_base_path();

// Throws Error(invalid_argument) with the reason: empty, too long, begins with a dot, or a character other than
// letters, digits, '.', '_' and '-'. `what` is the kind of name, e.g. "fleet" or "module".
void check_name(std::string_view what, std::string_view name);

// Path of a fleet's directory; checks the name and touches nothing.
[[nodiscard]] std::string fleet_directory_path(std::string_view fleet);

// Creates the directory (and the base) where missing. Throws Error(no_permission) when what lies there is not a
// directory, not ours, or open to others: nothing in it could be trusted.
std::string create_fleet_directory(std::string_view fleet);
void create_private_directory(const std::string& path);
void verify_private_directory(const std::string& path);

// Names of the directories below the base, sorted; alive or not. Empty when there is no base.
[[nodiscard]] std::vector<std::string> list_fleets();

// Removes a directory and everything in it without following links. A missing one is not an error.
void remove_tree(const std::string& path);

} // namespace ringfleet::os
