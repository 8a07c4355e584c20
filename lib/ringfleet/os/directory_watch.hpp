#pragma once

// Waiting for a name to appear in a directory, or for a file in it to change, without looking again and again. The
// order: watch, look, wait. A change between the look and the wait ends the wait at once.

#include "ringfleet/base/clock.hpp"
#include "ringfleet/os/descriptor.hpp"

#include <cstdint>
#include <string>

namespace ringfleet::os {

// Whether it is an event that a file which was open for writing is closed. Whoever looks by opening files for writing
// leaves it out: it would wake itself, and everybody who waits in the same way.
enum class Closing : std::uint8_t { is_event, is_ignored };

class DirectoryWatch {
public:
  // From now on nothing is missed. Throws Error: not_found (no such directory), no_permission, no_descriptors (also
  // when fs.inotify.max_user_instances is used up).
  explicit DirectoryWatch(const std::string& directory, Closing closing = Closing::is_event);

  // Blocks until something appeared, changed its attributes, or was written to since the last wait; false at the
  // deadline. What it was is not said: look. True after the deadline, too, while events go on: a loop around it minds
  // the deadline itself.
  [[nodiscard]] bool wait(MonotonicNs deadline);

private:
  Descriptor inotify_;
  std::string directory_;
};

} // namespace ringfleet::os
