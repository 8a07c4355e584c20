#pragma once

// What this process holds of the kernel: to be the same before and after.

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include <doctest/doctest.h>

namespace ringfleet::test {

inline std::size_t entries_of(const char* directory) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    count += !entry.path().empty();
  }
  return count;
}

struct Resources {
  std::size_t descriptors = entries_of("/proc/self/fd");
  std::size_t threads = entries_of("/proc/self/task");
  std::size_t shared_mappings = mappings_of_memory_files();

  friend bool operator==(const Resources&, const Resources&) = default;

  static std::size_t mappings_of_memory_files() {
    std::ifstream maps("/proc/self/maps");
    std::size_t count = 0;
    for (std::string line; std::getline(maps, line);) {
      count += line.find("memfd:") != std::string::npos;
    }
    return count;
  }
};

// The last dead runner's are given back by the scheduler's thread, a moment after its death was told.
inline void check_resources_come_back_to(const Resources& before) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  Resources now;
  while (now != before && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::yield();
    now = Resources();
  }
  CHECK(now.descriptors == before.descriptors);
  CHECK(now.threads == before.threads);
  CHECK(now.shared_mappings == before.shared_mappings);
}

} // namespace ringfleet::test
