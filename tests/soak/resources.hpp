#pragma once

// What a process holds, as the kernel counts it, and what lies around: to be equal before and after.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <sys/types.h>

namespace ringfleet::soak {

struct Resources {
  std::string of;                 // whose
  std::uint64_t heap_bytes = 0;   // allocated
  std::uint64_t resident_kib = 0; // the sum of the next three
  std::uint64_t heap_kib = 0;     // resident anonymous memory: heap, stacks
  std::uint64_t file_kib = 0;     // resident pages of programs and files
  std::uint64_t shared_kib = 0;   // resident pages of shared memory
  std::uint64_t descriptors = 0;
  std::uint64_t mappings = 0;  // of files and memory files: lines of /proc/PID/maps
  std::uint64_t anonymous = 0; // the others: heap, stacks
  std::uint64_t threads = 0;
  std::map<std::string, std::uint64_t> names; // what the descriptors and mappings are of, to tell a leak by
};

struct Debris {
  std::uint64_t shared_memory = 0;            // names in /dev/shm with the word of the soak
  std::uint64_t runtime = 0;                  // files and directories below the runtime directory
  std::uint64_t children = 0;                 // processes that this one has started
  std::map<std::string, std::uint64_t> names; // of the files below the runtime directory
};

struct Picture {
  std::vector<Resources> processes;
  Debris debris;
};

[[nodiscard]] Resources resources_of(pid_t pid, std::string of);
[[nodiscard]] Debris debris_of(const std::string& word, const std::string& runtime_directory);

// How much more a process may have allocated than before: names of other lengths, a list that once was longer and keeps
// its room. Seen were 2 KB. It is less than one lane has (9 KB), and than what is lost at each call or message amounts
// to after one epoch; tests/fleet/fleet_memory_test.cpp counts exactly what is kept of each event of a fleet.
inline constexpr std::uint64_t heap_slack_bytes = 8 * 1'024;
// How much more memory it may have resident. What is allocated lies where there was room when it was asked for, so the
// heap has holes, and reaches further after a time of many calls; of new lanes as many pages are there as were used.
inline constexpr std::uint64_t resident_slack_kib = 1'024;
// And how many more lines of anonymous memory: where two such pieces lie side by side the kernel makes them one line.
inline constexpr std::uint64_t anonymous_slack = 2;

// What is not as before, a line each; empty when all of it is.
[[nodiscard]] std::vector<std::string> differences(const Picture& before, const Picture& after);

} // namespace ringfleet::soak
