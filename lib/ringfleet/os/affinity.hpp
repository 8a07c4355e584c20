#pragma once

// Which cores this process may use, and tying a thread to one of them.

#include <vector>

namespace ringfleet::os {

// Cores in the affinity mask of the calling thread, ascending; never empty.
[[nodiscard]] std::vector<unsigned> allowed_cpus();

// Throws Error(invalid_argument) for a core that does not exist or is not allowed.
void pin_current_thread(unsigned cpu);

} // namespace ringfleet::os
