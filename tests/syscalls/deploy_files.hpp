#pragma once

// What victim and survivor of a deploy have in common: the fleet, the file in which the module bears witness, and the
// words that they say to each other through a pipe.

#include "operation.hpp"

#include "ringfleet/fleet/fleet.hpp"
#include "ringfleet/os/descriptor.hpp"

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ringfleet::test {

// In the case's directory, each a file.
struct DeployFiles {
  explicit DeployFiles(const Surroundings& here)
      : witness(here.directory + "/witness"), words(here.directory + "/words"), done(here.directory + "/done") {}

  // The survivor's.
  void make() const {
    os::Descriptor(open(witness.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600));
    mkfifo(words.c_str(), 0600);
  }
  void remove() const {
    for (const auto& path : {witness, words, done}) {
      unlink(path.c_str());
    }
  }
  // Opened for both directions by both sides, so that nobody waits for an opener that is dead.
  [[nodiscard]] os::Descriptor open_words() const { return os::Descriptor(open(words.c_str(), O_RDWR | O_CLOEXEC)); }

  std::string witness;
  std::string words; // a pipe
  std::string done;  // there when the victim has deployed twice
};

inline void say_word(const os::Descriptor& words) {
  while (write(words.get(), "w", 1) < 0 && errno == EINTR) {
  }
}
inline void await_word(const os::Descriptor& words) {
  char word = 0;
  while (read(words.get(), &word, 1) < 0 && errno == EINTR) {
  }
}

[[nodiscard]] inline fleet::Topology witness_topology(const Surroundings& here) {
  fleet::Topology topology;
  topology.fleet.name = here.word;
  auto& module = topology.modules.emplace_back();
  module.id = "witness";
  module.path = std::string(std::getenv("RINGFLEET_TEST_MODULES")) + "/witness.so";
  module.config = R"({"file":")" + DeployFiles(here).witness + R"("})";
  module.slots = 8;
  return topology;
}

[[nodiscard]] inline std::unique_ptr<Fleet> start_witness(const Surroundings& here, FleetOptions options = {}) {
  options.on_log = [](const LogLine&) {};
  options.unlimited_restarts = true;
  return std::make_unique<Fleet>(witness_topology(here), std::move(options));
}

} // namespace ringfleet::test
