#include "ringfleet/fleet/presence.hpp"

#include "ringfleet/counter/counter_writer.hpp"
#include "ringfleet/os/file_lock.hpp"
#include "ringfleet/os/runtime_directory.hpp"

#include <filesystem>

#include <unistd.h>

namespace ringfleet::fleet {
namespace {

std::string lock_path(std::string_view name) {
  return os::fleet_directory_path(name) + "/lock";
}

bool has_debris(std::string_view name) {
  const std::string directory = os::fleet_directory_path(name);
  std::error_code ignored;
  return std::filesystem::exists(counter::counter_directory(directory), ignored) ||
         std::filesystem::exists(directory + "/control", ignored);
}

} // namespace

bool is_running(std::string_view name) {
  return os::FileLock::state_hint(lock_path(name)) == os::FileLock::State::held;
}

std::vector<std::string> running_fleets() {
  std::vector<std::string> names = os::list_fleets();
  std::erase_if(names, [](const std::string& name) { return name.starts_with(private_prefix) || !is_running(name); });
  return names;
}

std::vector<std::string> dead_fleets() {
  std::vector<std::string> names = os::list_fleets();
  std::erase_if(names, [](const std::string& name) {
    return name.starts_with(private_prefix) || is_running(name) || !has_debris(name);
  });
  return names;
}

bool clear_dead_fleet(std::string_view name) {
  if (!has_debris(name)) {
    return false;
  }
  const auto lock = os::FileLock::try_acquire(lock_path(name));
  if (!lock) {
    return false;
  }
  const std::string directory = os::fleet_directory_path(name);
  os::remove_tree(counter::counter_directory(directory));
  unlink((directory + "/control").c_str());
  return true;
}

void clear_dead_private_fleets() {
  for (const std::string& name : os::list_fleets()) {
    if (name.starts_with(private_prefix)) {
      if (const auto lock = os::FileLock::try_acquire(lock_path(name))) {
        os::remove_tree(os::fleet_directory_path(name));
      }
    }
  }
}

} // namespace ringfleet::fleet
