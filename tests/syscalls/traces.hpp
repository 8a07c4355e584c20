#pragma once

// What an operation may leave behind and must not: descriptors, mappings, threads and children of this process, files
// in the case's directory, and names in /dev/shm.

#include "operation.hpp"

#include <cstddef>
#include <set>
#include <string>
#include <vector>

namespace ringfleet::test {

struct Traces {
  std::multiset<std::string> descriptors; // what they lead to
  std::multiset<std::string> mappings;
  std::size_t threads = 0;
  std::size_t children = 0;
  std::set<std::string> files;

  enum class Files { compared, ignored };

  [[nodiscard]] static Traces of_now(const Surroundings& here);
  // As soon as no lane is on its way between processes: until then its descriptors come and go.
  [[nodiscard]] static Traces when_settled(const Surroundings& here);
  // Compares with the present and adds each difference to `problems`. Threads that were joined and children that were
  // reaped vanish from /proc a moment later, so it looks again for a while.
  static void wait_for_same(const Traces& before, const Surroundings& here, bool rings_may_stay, bool lanes_may_grow,
                            Files files, std::vector<std::string>& problems);
};

// How many files a killed process left. Each is named by `ringfleet segments ls`, or known to a fleet's clearing:
// throws std::runtime_error naming one that is not.
[[nodiscard]] std::size_t recognise_debris(const Surroundings& here);
// As `ringfleet segments rm` does. Throws std::runtime_error when a file but locks is there afterwards.
void remove_what_can_be_removed(const Surroundings& here);

} // namespace ringfleet::test
