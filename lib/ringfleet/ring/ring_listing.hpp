#pragma once

// What lies in a directory under names of ours, and whose it is: for people and tools that clear up. Everything is read
// by system call, so a file that is cut meanwhile is a line in the list and not a fault. No lock is taken by looking.

#include "ringfleet/memory/place.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringfleet::ring {

enum class FoundState : std::uint8_t {
  alive,      // a living process owns it, or is making it
  ended,      // its owner left in good order; the next one continues it
  dead,       // its owner died; the next one continues it
  damaged,    // nobody owns it, and nobody could continue it; `problem` says why
  unfinished, // its creator died before it was complete
  unknown     // it could not be looked at: no permission, memory or descriptor; `problem` says which
};

[[nodiscard]] std::string_view to_string(FoundState state) noexcept;

struct FoundRing {
  memory::Place place = memory::Place::heap();
  FoundState state = FoundState::unknown;
  std::vector<std::string> files;  // all of them, unfinished ones included; the lock aside
  std::uint64_t size_bytes = 0;    // of all of them
  std::uint32_t owner_pid = 0;     // the latest owner; 0: not known
  std::uint64_t generation = 0;    // 0: not known
  std::uint32_t members = 0;       // that have joined, dead ones of whom nobody knows included
  std::uint32_t members_alive = 0; // surely or perhaps
  std::uint32_t lines = 0;         // of the member table
  std::string problem;
};

// Named shared memory of this machine whose name begins with `prefix`, sorted by name. Any thread; a few system calls a
// ring. Throws Error when the directory cannot be read. What is told may be over when it is read.
[[nodiscard]] std::vector<FoundRing> list_shm_rings(std::string_view prefix = {});
// Ring files in a directory whose own name begins so, likewise. Other files are not mentioned.
[[nodiscard]] std::vector<FoundRing> list_file_rings(const std::string& directory, std::string_view prefix = {});
// One of them; empty when nothing of it is there.
[[nodiscard]] std::optional<FoundRing> find_ring(const memory::Place& place);

// Removes all its files, under its lock. The lock file stays: removing it would let two processes own one name. Throws
// Error(wrong_state): a living process owns it, or living readers wait for its producer; (no_permission); (not_found).
void remove_ring(const memory::Place& place);

} // namespace ringfleet::ring
