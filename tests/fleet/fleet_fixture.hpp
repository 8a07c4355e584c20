#pragma once

// What every test of a running fleet needs: a runtime directory of its own, the paths of runner and modules, short ways
// to build a topology, and what the fleet said.

#include "../scale.hpp"
#include "ringfleet/base/error.hpp"
#include "ringfleet/fleet/fleet.hpp"
#include "scratch_directory.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <unistd.h>

namespace ringfleet::test {

using namespace std::chrono_literals;

inline std::string shipped(std::string_view module) {
  return std::string(std::getenv("RINGFLEET_MODULES")) + "/" + std::string(module) + ".so";
}

inline std::string test_module(std::string_view module) {
  return std::string(std::getenv("RINGFLEET_TEST_MODULES")) + "/" + std::string(module) + ".so";
}

// $RINGFLEET_DIR for the life of the object.
class RuntimeDirectory {
public:
  RuntimeDirectory() { setenv("RINGFLEET_DIR", scratch_.path().c_str(), 1); }
  [[nodiscard]] const ScratchDirectory& scratch() const { return scratch_; }

private:
  ScratchDirectory scratch_;
};

inline fleet::ModuleSpec module_of(std::string id, std::string path, std::uint32_t instances = 1) {
  fleet::ModuleSpec module;
  module.id = std::move(id);
  module.path = std::move(path);
  module.instances = instances;
  return module;
}

inline fleet::Topology topology_of(std::vector<fleet::ModuleSpec> modules, std::string name = {}) {
  fleet::Topology topology;
  topology.fleet.name = std::move(name);
  topology.modules = std::move(modules);
  return topology;
}

// Collects events and log lines, and waits for one. A wait that is not answered fails the test.
class Listener {
public:
  [[nodiscard]] FleetOptions options() {
    FleetOptions options;
    options.on_event = [this](std::string_view event) { add(events_, std::string(event)); };
    options.on_log = [this](const LogLine& line) {
      add(lines_, std::string(line.module) + (line.stream == LogStream::output ? "> " : ": ") + std::string(line.text));
    };
    return options;
  }
  [[nodiscard]] bool wait_for_event(std::string_view part) { return wait_for(events_, part); }
  [[nodiscard]] bool wait_for_line(std::string_view part) { return wait_for(lines_, part); }
  [[nodiscard]] std::string all() {
    const std::lock_guard lock(mutex_);
    std::string text;
    for (const auto& event : events_) {
      text += event + "\n";
    }
    for (const auto& line : lines_) {
      text += line + "\n";
    }
    return text;
  }

private:
  void add(std::vector<std::string>& to, std::string text) {
    const std::lock_guard lock(mutex_);
    to.push_back(std::move(text));
    changed_.notify_all();
  }
  bool wait_for(std::vector<std::string>& in, std::string_view part) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 20s, [&] {
      return std::ranges::any_of(in, [&](const std::string& text) { return text.find(part) != std::string::npos; });
    });
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> events_;
  std::vector<std::string> lines_;
};

// The text of the Error that `action` throws; empty when it throws none.
inline std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

inline bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

} // namespace ringfleet::test
