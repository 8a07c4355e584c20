#pragma once

// Waiting for many descriptors: an epoll with a deadline. Level-triggered, so nothing is lost between two waits.

#include "ringfleet/base/clock.hpp"
#include "ringfleet/os/descriptor.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace ringfleet::os {

class Poller {
public:
  struct Event {
    std::uint64_t token = 0;
    bool readable = false;
    bool hangup = false; // the other end is gone, or an error is pending; there may still be something to read
  };

  Poller();

  // Any thread, also while another one waits. `token` comes back in events. The descriptor must stay open until
  // removed.
  void add(int fd, std::uint64_t token);
  // A descriptor that is not (or no longer) here is not an error.
  void remove(int fd) noexcept;

  // One thread at a time. Blocks; empty when the deadline has passed. The events are valid until the next wait.
  [[nodiscard]] std::span<const Event> wait(MonotonicNs deadline);

private:
  Descriptor epoll_;
  std::vector<Event> events_;
};

} // namespace ringfleet::os
