#pragma once

// What ringfleet-stat shows: every counter file below the runtime directory, read and judged, whether or not any of the
// processes lives.

#include "ringfleet/counter/counter_snapshot.hpp"

#include <string>
#include <vector>

namespace ringfleet::stat {

struct FleetPicture {
  std::string name;
  std::vector<counter::CounterSnapshot> processes; // the scheduler first, then by role and serial
};

struct RefusedFile {
  std::string path;
  std::string error;
};

struct Picture {
  std::string directory;
  std::vector<FleetPicture> fleets;
  std::vector<counter::CounterSnapshot> channels; // the ends of channels, by channel, publishers first
  std::vector<RefusedFile> refused;               // files that are there and cannot be shown

  // Is there no process to show? A fleet that was stopped leaves its directory.
  [[nodiscard]] bool is_empty() const;
};

// An empty name: all fleets. A fleet that does not exist is Error(not_found).
[[nodiscard]] Picture take_picture(const std::string& fleet);

} // namespace ringfleet::stat
