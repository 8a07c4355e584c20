#pragma once

// Which fleets of this user there are: the ones that run, and what dead ones left in the runtime directory. A fleet
// runs as long as the kernel says that its lock is held; nothing here trusts a file's age or a pid.

#include "ringfleet/os/file_lock.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace ringfleet::fleet {

// Is it the name of a fleet for which nobody chose one? Operators do not reach it.
[[nodiscard]] bool is_private(std::string_view name);

// Any thread; touch nothing. The answers may be outdated when they arrive. Fleets without a chosen name are left out.
[[nodiscard]] bool is_running(std::string_view name);
[[nodiscard]] std::vector<std::string> running_fleets();
[[nodiscard]] std::vector<std::string> dead_fleets();

// Removes counter files and control socket that a dead scheduler left. False, and nothing done, when it runs or there
// is nothing.
bool clear_dead_fleet(std::string_view name);

// The place of a fleet without a chosen name. The lock is removed last, so that a folder without one is empty: its
// maker has not come further, or did not come further when it was removed.
struct PrivateFleet {
  std::string name;
  std::string directory;
  os::FileLock lock;
};
// Of a name of this process' own.
[[nodiscard]] PrivateFleet make_private_fleet();
// By the holder of its lock.
void remove_private_fleet(const std::string& directory);
// Removes what dead programs with a private fleet left. What cannot be removed stays for the next one.
void clear_dead_private_fleets();

} // namespace ringfleet::fleet
