#pragma once

// From what a user writes for a module to a file. A reference is
//   a path      anything with a '/' in it: taken as it is, relative ones from the given directory
//   a name      "zstd", "zstd.so", "zstd.so.2": looked for in the given directory, in each directory of
//               $RINGFLEET_MODULE_PATH (separated by ':'), and among the installed modules; without ".so" in it also
//               with ".so" behind it, and then as the highest "NAME.so.N"
//   a hash      "sha256:" and at least 8 hex digits: an artifact that the fleet has stored already, see ArtifactStore

#include <string>
#include <string_view>
#include <vector>

namespace ringfleet::fleet {

struct ModuleSearch {
  std::string directory;          // where relative paths start; empty: the working directory
  std::vector<std::string> paths; // searched in order after it

  // The paths of $RINGFLEET_MODULE_PATH and of the installation.
  [[nodiscard]] static ModuleSearch from_environment(std::string directory);
};

[[nodiscard]] bool is_hash_reference(std::string_view reference) noexcept;

// What is wrong with a hash, "sha256:" in front or not; empty when nothing is.
[[nodiscard]] std::string hash_reference_problem(std::string_view reference);

// The absolute path of something that exists, not opened yet. Throws Error(not_found) that lists everywhere it
// looked; Error(invalid_argument) for an empty or a hash reference.
[[nodiscard]] std::string resolve_module_reference(std::string_view reference, const ModuleSearch& search);

} // namespace ringfleet::fleet
