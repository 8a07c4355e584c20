#pragma once

// How this process speaks to its scheduler. A message that cannot be sent, for want of memory, would leave the
// scheduler waiting for ever: the process ends instead, says why on its standard error, and is replaced.

#include "ringfleet/base/error.hpp"
#include "ringfleet/call/control_message.hpp"

#include <cstdio>

#include <unistd.h>

namespace ringfleet::runner {

[[noreturn]] inline void end_process(const char* why) noexcept {
  std::fprintf(stderr, "ringfleet-runner: %s\n", why);
  std::fflush(stderr);
  _exit(3);
}

// Any thread. A scheduler that is gone is no failure here: it ends this process by way of the control thread.
inline void tell_scheduler(call::ControlChannel& channel, const call::ControlMessage& message) noexcept {
  try {
    static_cast<void>(channel.send(message));
  } catch (const Error& error) {
    end_process(error.what());
  }
}

} // namespace ringfleet::runner
