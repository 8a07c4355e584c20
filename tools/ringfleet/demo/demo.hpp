#pragma once

// The demo: a fleet of zstd runners under load, one of them killed at a third of the time, the module replaced at two
// thirds, and every answer checked. What is measured here is measured from outside, as a user of the fleet would see
// it.

#include "ledger.hpp"
#include "narrator.hpp"

#include "ringfleet/base/clock.hpp"

#include <cstdint>
#include <string>

namespace ringfleet::cli::demo {

struct DemoOptions {
  std::string directory;
  Nanoseconds duration{};
  std::uint32_t runners = 1;
  std::string module_v1;
  std::string module_v2;
};

struct Outcome {
  Tally tally;
  std::uint64_t files_total = 0;
  std::uint64_t crashes = 0;
  std::uint64_t reloads = 0;
  std::uint64_t detect_ns = 0;  // SIGKILL sent → the fleet said so
  std::uint64_t serving_ns = 0; // SIGKILL sent → the replacement answered a call
  std::uint64_t reload_ns = 0;  // request → old runners gone
  std::uint64_t elapsed_ns = 0;
  std::string failure; // empty: none

  [[nodiscard]] bool verified() const noexcept {
    return failure.empty() && tally.files > 0 && tally.mismatched == 0 && tally.lost() == 0;
  }
};

// Blocks for about `duration`. Throws Failure or Error when the fleet does not even start; what goes wrong later is in
// the outcome.
[[nodiscard]] Outcome run(const DemoOptions& options, Narrator& narrator);

} // namespace ringfleet::cli::demo
