#pragma once

// A counter that a poller can wait for (eventfd): how one thread gets another one out of its wait.

#include "ringfleet/os/descriptor.hpp"

#include <cstdint>

namespace ringfleet::os {

class EventCounter {
public:
  EventCounter();

  [[nodiscard]] int fd() const noexcept { return descriptor_.get(); } // readable while signals are pending

  // Any thread; async-signal-safe; never blocks.
  void signal() noexcept;
  // How many signals came since the last call; 0 if none. Never blocks.
  std::uint64_t drain() noexcept;

private:
  Descriptor descriptor_;
};

} // namespace ringfleet::os
