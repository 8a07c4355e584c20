#pragma once

// Which fleets of this user there are: the ones that run, and what dead ones left in the runtime directory. A fleet
// runs as long as the kernel says that its lock is held; nothing here trusts a file's age or a pid.

#include <string>
#include <string_view>
#include <vector>

namespace ringfleet::fleet {

// Any thread; touch nothing. The answers may be outdated when they arrive. Fleets without a chosen name are left out.
[[nodiscard]] bool is_running(std::string_view name);
[[nodiscard]] std::vector<std::string> running_fleets();
[[nodiscard]] std::vector<std::string> dead_fleets();

// Removes counter files and control socket that a dead scheduler left. False, and nothing done, when it runs or there
// is nothing.
bool clear_dead_fleet(std::string_view name);
// Removes what dead programs with a private fleet left.
void clear_dead_private_fleets();

inline constexpr std::string_view private_prefix = "private-";

} // namespace ringfleet::fleet
