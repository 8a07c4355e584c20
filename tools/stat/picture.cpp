#include "picture.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/os/runtime_directory.hpp"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ringfleet::stat {
namespace {

void add_process(const std::string& path, std::vector<counter::CounterSnapshot>& processes, Picture& picture) {
  try {
    processes.push_back(counter::CounterSnapshot::read(path));
  } catch (const Error& error) {
    // A runner's file goes away when the runner has been replaced: between the listing and the reading, too.
    if (error.code() != ErrorCode::not_found) {
      picture.refused.push_back({path, error.what()});
    }
  }
}

std::vector<counter::CounterSnapshot> channel_ends(Picture& picture) {
  std::vector<counter::CounterSnapshot> ends;
  for (const std::string& path : counter::list_counter_files(os::fleet_directory_path(os::channels_directory))) {
    add_process(path, ends, picture);
  }
  std::ranges::sort(ends, [](const auto& a, const auto& b) {
    return std::tie(a.name, a.role, a.serial) < std::tie(b.name, b.role, b.serial);
  });
  return ends;
}

} // namespace

bool Picture::is_empty() const {
  return channels.empty() &&
         std::ranges::all_of(fleets, [](const FleetPicture& fleet) { return fleet.processes.empty(); });
}

Picture take_picture(const std::string& fleet) {
  Picture picture{.directory = os::runtime_base_path(), .fleets = {}, .channels = {}, .refused = {}};
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
    if (name == os::channels_directory) {
      picture.channels = channel_ends(picture);
      continue;
    }
    FleetPicture& shown = picture.fleets.emplace_back(FleetPicture{.name = name, .processes = {}});
    for (const std::string& path : counter::list_counter_files(os::fleet_directory_path(name))) {
      add_process(path, shown.processes, picture);
    }
    std::sort(shown.processes.begin(), shown.processes.end(), [](const auto& a, const auto& b) {
      return std::make_tuple(a.role != "scheduler", std::string_view(a.role), a.serial) <
             std::make_tuple(b.role != "scheduler", std::string_view(b.role), b.serial);
    });
  }
  return picture;
}

} // namespace ringfleet::stat
