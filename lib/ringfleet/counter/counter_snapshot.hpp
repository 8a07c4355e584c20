#pragma once

// The reading side of a counter file: one consistent-enough picture as plain values. Reads the file with read(2) and
// maps nothing, so a file that is cut while it is read is an error text and never a SIGBUS; never writes, so it cannot
// disturb the owner, and needs nothing of the owner, so it works on a stopped or dead one.

#include "ringfleet/counter/counter_layout.hpp"
#include "ringfleet/os/process.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ringfleet::counter {

struct SnapshotItem {
  std::string label;
  Kind kind = Kind::none;
  std::uint64_t value = 0; // items of one label are added up
  std::string text;
};

enum class OwnerState : std::uint8_t {
  starting, // created for a process that has not attached yet
  alive,
  stopped, // alive, and held by SIGSTOP or a debugger
  dead,
  unknown, // it lives in another PID namespace, or did: nobody here can tell
};

[[nodiscard]] std::string_view to_string(OwnerState state) noexcept;

struct CounterSnapshot {
  std::string fleet;
  std::string role;
  std::string name;
  std::uint64_t serial = 0;
  os::ProcessIdentity owner;
  std::uint64_t pid_namespace = 0; // of the owner; while there is none, of the creator
  OwnerState state = OwnerState::dead;
  std::vector<SnapshotItem> items; // in order of allocation

  // Any thread, any process; blocks on nothing. Each value is exact when the owner rests, and otherwise one it had
  // during this call; different values are of slightly different moments. Throws Error: not_found, no_permission,
  // bad_segment with the reason (truncated, not a counter file, another layout version, damaged). A text that changes
  // faster than it can be read comes out empty.
  [[nodiscard]] static CounterSnapshot read(const std::string& path);

  [[nodiscard]] std::uint64_t value(std::string_view label) const noexcept; // 0 when there is no such item
  [[nodiscard]] std::string_view text(std::string_view label) const noexcept;
};

// Paths of the counter files of a fleet, sorted; files under construction are left out. Empty when there is no folder.
[[nodiscard]] std::vector<std::string> list_counter_files(std::string_view fleet_directory);

} // namespace ringfleet::counter
