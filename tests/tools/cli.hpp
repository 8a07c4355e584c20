#pragma once

// The built `ringfleet`, run in a runtime directory of the test's own. Where programs and modules lie comes from the
// build, by environment.

#include "program.hpp"
#include "scratch_directory.hpp"

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

namespace ringfleet::tests {

[[nodiscard]] inline std::string from_build(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : value;
}

[[nodiscard]] inline std::string module_file(const std::string& name) {
  return from_build("RINGFLEET_MODULE_PATH") + "/" + name + ".so";
}

class Cli {
public:
  explicit Cli(const std::string& test) : scratch_(test) {}

  [[nodiscard]] const ScratchDirectory& scratch() const noexcept { return scratch_; }

  [[nodiscard]] Invocation invocation(std::vector<std::string> arguments, std::string input = {}) const {
    arguments.insert(arguments.begin(), from_build("RINGFLEET_CLI"));
    return {std::move(arguments), std::move(input), {{"RINGFLEET_DIR", scratch_.path("run")}}};
  }
  [[nodiscard]] Result operator()(std::vector<std::string> arguments, std::string input = {}) const {
    return run(invocation(std::move(arguments), std::move(input)));
  }
  // Writes a topology of echo and zstd, one runner each, and returns its path.
  [[nodiscard]] std::string topology(const std::string& fleet) const {
    scratch_.write(fleet + ".toml",
                   "[fleet]\nname = \"" + fleet + "\"\n\n[[module]]\nid = \"echo\"\npath = \"" + module_file("echo") +
                       "\"\ninstances = 2\n\n[[module]]\nid = \"zstd\"\npath = \"" + module_file("zstd_v1") + "\"\n");
    return scratch_.path(fleet + ".toml");
  }

private:
  ScratchDirectory scratch_;
};

} // namespace ringfleet::tests
