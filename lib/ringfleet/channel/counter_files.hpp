#pragma once

// The counter files of the ends of channels, for those who clear up: which there are, whose they are, and which nobody
// will write any more. A file is left over only when the death of its process is proven, so one of another PID
// namespace never is.

#include "ringfleet/ring/ring_listing.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace ringfleet::channel {

struct FoundCounterFile {
  std::string path;
  std::string role;    // empty: it does not say
  std::string channel; // likewise
  std::int32_t pid = 0;
  // alive; dead; unfinished; damaged: `problem` says why; unknown: likewise.
  ring::FoundState state = ring::FoundState::unknown;
  std::uint64_t size_bytes = 0;
  std::string problem;

  [[nodiscard]] bool is_left_over() const noexcept {
    return state == ring::FoundState::dead || state == ring::FoundState::unfinished;
  }
};

// Sorted by path; empty when no channel was ever opened by this user. Any thread; a few system calls a file.
[[nodiscard]] std::vector<FoundCounterFile> list_end_counter_files();

// Throws Error: wrong_state when a process uses it or perhaps does; not_found; no_permission.
void remove_end_counter_file(const std::string& path);

// "ROLE-PIDNAMESPACE-PID.NUMBER": two containers that share the directory never mean the same file.
[[nodiscard]] std::string end_counter_file_name(std::string_view role, std::uint32_t number);

} // namespace ringfleet::channel
