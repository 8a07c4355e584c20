#pragma once

// Tests whose other processes the test program plays itself: it starts itself again with the name of one of its
// `child:` cases, which tells by a file that it has come so far.

#include "fleet_fixture.hpp"
#include "ringfleet/os/child_process.hpp"
#include "ringfleet/os/runtime_directory.hpp"

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>

#include <doctest/doctest.h>
#include <unistd.h>

namespace ringfleet::test {

inline os::ChildProcess start_child(const std::string& test_case) {
  os::SpawnRequest request;
  request.path = "/proc/self/exe";
  request.argv = {"child", "--no-skip", "--test-case=" + test_case};
  for (char** variable = environ; *variable != nullptr; ++variable) {
    request.env.emplace_back(*variable);
  }
  return os::ChildProcess(request);
}

// The file that a child writes when it has come so far.
inline std::string marker() {
  return os::runtime_base_path() + "/child-is-there";
}

inline void wait_for_file(const std::string& path) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!std::filesystem::exists(path)) {
    REQUIRE_MESSAGE(std::chrono::steady_clock::now() < give_up, path);
    std::this_thread::yield();
  }
}

} // namespace ringfleet::test
