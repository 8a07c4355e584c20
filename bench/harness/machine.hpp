#pragma once

// Where and how a number was measured: what every result carries, so that it can be compared or thrown away.

#include "harness/options.hpp"

#include <string>

namespace ringfleet::bench {

struct Machine {
  std::string cpu;
  std::string cores; // those of the measuring and the answering process, and how many there are
  std::string kernel;
  std::string governor;
  std::string compiler;
  std::string flags;
  std::string commit;
  std::string command;
};

[[nodiscard]] Machine describe_machine(const Options& options);

} // namespace ringfleet::bench
