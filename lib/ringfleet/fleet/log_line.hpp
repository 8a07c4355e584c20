#pragma once

// A line that a module or its runner has said, as a listener of a fleet receives it.

#include <cstdint>
#include <string_view>

namespace ringfleet {

enum class LogStream : std::uint8_t {
  output, // the runner's stdout
  error   // its stderr, what the module says through the log service, and what the runner reports
};

// Views into the scheduler's memory: they end with the listener's call.
struct LogLine {
  std::string_view module;  // its id in the fleet
  std::uint64_t runner = 0; // serial
  LogStream stream = LogStream::error;
  std::string_view text; // without the line's end; bytes as the module wrote them
};

} // namespace ringfleet
