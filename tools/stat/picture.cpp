#include "picture.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/os/runtime_directory.hpp"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ringfleet::stat {
namespace {

void add_process(const std::string& path, FleetPicture& fleet, Picture& picture) {
  try {
    fleet.processes.push_back(counter::CounterSnapshot::read(path));
  } catch (const Error& error) {
    // A runner's file goes away when the runner has been replaced: between the listing and the reading, too.
    if (error.code() != ErrorCode::not_found) {
      picture.refused.push_back({path, error.what()});
    }
  }
}

} // namespace

Picture take_picture(const std::string& fleet) {
  Picture picture{.directory = os::runtime_base_path(), .fleets = {}, .refused = {}};
  const std::vector<std::string> names = os::list_fleets();
  if (!fleet.empty() && std::find(names.begin(), names.end(), fleet) == names.end()) {
    throw Error(ErrorCode::not_found, fmt::format("fleet '{}' in '{}'", fleet, picture.directory),
                names.empty() ? std::string("there is none at all")
                              : fmt::format("there are: {}", fmt::join(names, ", ")));
  }
  for (const std::string& name : names) {
    if (!fleet.empty() && name != fleet) {
      continue;
    }
    FleetPicture& shown = picture.fleets.emplace_back(FleetPicture{.name = name, .processes = {}});
    for (const std::string& path : counter::list_counter_files(os::fleet_directory_path(name))) {
      add_process(path, shown, picture);
    }
    std::sort(shown.processes.begin(), shown.processes.end(), [](const auto& a, const auto& b) {
      return std::make_tuple(a.role != "scheduler", std::string_view(a.role), a.serial) <
             std::make_tuple(b.role != "scheduler", std::string_view(b.role), b.serial);
    });
  }
  return picture;
}

} // namespace ringfleet::stat
