#pragma once

// What happens to a ring that is a family of files, and what was there before.

#include <cstdint>
#include <string>

namespace ringfleet::kill {

enum class Deed : std::uint8_t { make, continue_it, replace, read, produce_too };

// Of the ring that was there.
struct State {
  const char* name = "";
  bool is_full = false;      // or one slot is left, where one producer is to write and no reader gates
  std::uint64_t next = 5;    // where the next message goes
  bool is_in_memory = false; // named shared memory, not a file
};

struct Case {
  std::string name;
  Deed deed;
  std::uint64_t arena_bytes = 0;
  State state = {};
};

} // namespace ringfleet::kill
