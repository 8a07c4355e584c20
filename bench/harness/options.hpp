#pragma once

// The command line that every benchmark has, and the two cores it measures on.

#include <string>
#include <vector>

namespace ringfleet::bench {

struct Options {
  bool json = false;
  bool smoke = false;   // a tiny run for the test-suite: one round, nothing dropped, numbers without meaning
  double seconds = 2.0; // measured time of a row, over all rounds
  unsigned rounds = 7;  // rounds to keep; a round in which the floor moved is repeated
  int client_core = -1; // the core of the side that measures
  int server_core = -1;
  std::string command; // as typed

  // Measured time of a row in one round.
  [[nodiscard]] double slice_seconds() const noexcept { return smoke ? 0.01 : seconds / rounds; }
};

// Reads the command line and picks the first and the last core this process may use. Ends the process: with 0 after
// --help, with 2 for a wrong option, and with 77 (skipped) when fewer than `cores_needed` cores are there.
[[nodiscard]] Options parse_options(int argc, char** argv, int cores_needed);

// Those that this process may use.
[[nodiscard]] std::vector<int> usable_cores();

} // namespace ringfleet::bench
