#pragma once

// What a mapping may ask of the machine beyond being mapped. Each wish is fulfilled or refused by name, never dropped
// silently.

#include <cstdint>
#include <optional>

namespace ringfleet::os {

struct MappingOptions {
  bool huge_pages = false;                     // fewer TLB misses; the memory must come from where they are allowed
  bool prefault = false;                       // every page is there before the first access
  bool lock_memory = false;                    // never swapped out
  std::optional<std::uint32_t> numa_node = {}; // pages live on this node

  friend bool operator==(const MappingOptions&, const MappingOptions&) = default;
};

} // namespace ringfleet::os
