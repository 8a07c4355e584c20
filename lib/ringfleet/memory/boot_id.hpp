#pragma once

// Which boot of the machine this is. What another boot left in a file (pids, times) means nothing any more.

#include <array>
#include <cstdint>

namespace ringfleet::memory {

using BootId = std::array<std::uint8_t, 16>;

// Read once per process. Throws Error where /proc is not mounted.
[[nodiscard]] const BootId& own_boot_id();

} // namespace ringfleet::memory
