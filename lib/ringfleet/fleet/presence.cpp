#include "ringfleet/fleet/presence.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/base/process_word.hpp"
#include "ringfleet/counter/counter_writer.hpp"
#include "ringfleet/os/runtime_directory.hpp"

#include <filesystem>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

namespace ringfleet::fleet {
namespace {

constexpr std::string_view private_prefix = "private-";

std::string private_name() {
  static ProcessWord<std::uint32_t> count;
  return fmt::format("{}{}-{}", private_prefix, getpid(), count.add(1));
}

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

bool is_private(std::string_view name) {
  return name.starts_with(private_prefix);
}

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

PrivateFleet make_private_fleet() {
  for (;;) {
    std::string name = private_name();
    try {
      std::string directory = os::create_fleet_directory(name);
      auto lock = os::FileLock::try_acquire(lock_path(name), fmt::format("{}", getpid()));
      if (lock && lock->is_in_place()) {
        return {std::move(name), std::move(directory), std::move(*lock)};
      }
    } catch (const Error& error) {
      if (error.code() != ErrorCode::not_found) {
        throw;
      }
    }
    // Before it was locked, somebody who clears took it for a dead one's. The next name is another one.
  }
}

void remove_private_fleet(const std::string& directory) {
  os::remove_tree(counter::counter_directory(directory));
  os::remove_tree(directory);
}

void clear_dead_private_fleets() {
  for (const std::string& name : os::list_fleets()) {
    if (!name.starts_with(private_prefix)) {
      continue;
    }
    const std::string directory = os::fleet_directory_path(name);
    try {
      if (os::FileLock::state_hint(lock_path(name)) == os::FileLock::State::absent) {
        (void)rmdir(directory.c_str());
      } else if (const auto lock = os::FileLock::try_acquire(lock_path(name)); lock && lock->is_in_place()) {
        remove_private_fleet(directory);
      }
    } catch (const Error&) {
      // Another one who clears was faster, or it stays.
    }
  }
}

} // namespace ringfleet::fleet
