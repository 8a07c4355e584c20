#pragma once

// The writing side of a counter file: created under its final name only when complete, owned by exactly one process.
// A scheduler creates its own and one for each runner, whose descriptor it hands over at spawn; the runner attaches.
//
// A counter file is not removed with its writer: what a dead process had counted is there to be read. Whoever holds the
// fleet's lock removes it (with the fleet's directory, or when the runner is replaced).

#include "ringfleet/base/limits.hpp"
#include "ringfleet/counter/counter.hpp"
#include "ringfleet/memory/segment.hpp"
#include "ringfleet/os/descriptor.hpp"

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace ringfleet::counter {

// Whom the file is about; names longer than their field are cut.
struct CounterOwner {
  std::string fleet;
  std::string role; // "scheduler", "runner", "client"
  std::string name; // of the module, for a runner
  std::uint64_t serial = 0;
};

// Folder of the counter files of a fleet, and the path of one: <fleet directory>/counters/<role>-<serial>.
[[nodiscard]] std::string counter_directory(std::string_view fleet_directory);
[[nodiscard]] std::string counter_path(std::string_view fleet_directory, std::string_view role, std::uint64_t serial);

// A file for `counters` items (1 to limits::counters_max, 192 bytes each) without owner process, open for writing, to
// be handed to the one process that will attach; the folder is created where missing. Throws Error: already_exists,
// no_memory, no_permission, invalid_argument. A creator that dies inside leaves a file without names, or one that
// readers do not list.
[[nodiscard]] os::Descriptor create_counter_file(std::string_view path, const CounterOwner& owner,
                                                 std::uint32_t counters = limits::counters_max);

class CounterWriter {
public:
  // Becomes the owner of the file: stores this process' pid and start time. Throws Error(bad_segment) with the reason
  // when the file is none of ours, Error(wrong_state) when a process owns it already. `name` is for error texts.
  CounterWriter(const os::Descriptor& file, std::string_view name);
  // create_counter_file and attach in one.
  CounterWriter(std::string_view path, const CounterOwner& owner, std::uint32_t counters = limits::counters_max);

  CounterWriter(const CounterWriter&) = delete;
  CounterWriter& operator=(const CounterWriter&) = delete;

  // A new item starting at 0, or an empty text. Any thread; waits for other threads that allocate at most. The same
  // label may be allocated again, by another thread for itself. Labels are at most 47 bytes without blanks. Throws
  // Error: invalid_argument, limit_reached when the file is full. Death inside leaves the item invisible.
  [[nodiscard]] Counter counter(std::string_view label);
  [[nodiscard]] Counter gauge(std::string_view label);
  [[nodiscard]] Text text(std::string_view label);

private:
  CounterItem& allocate(std::string_view label, Kind kind);
  [[nodiscard]] CounterBody& body() noexcept;

  std::string name_;
  memory::Segment segment_;
  std::mutex allocating_;
  std::uint32_t capacity_ = 0;
  std::uint32_t allocated_ = 0;
};

} // namespace ringfleet::counter
