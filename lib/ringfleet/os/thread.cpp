#include "ringfleet/os/thread.hpp"

#include "ringfleet/base/error.hpp"

#include <system_error>
#include <utility>

#include <fmt/format.h>

namespace ringfleet::os {

std::thread start_thread(std::string_view purpose, std::function<void()> run) {
  try {
    return std::thread(std::move(run));
  } catch (const std::system_error& error) {
    // EAGAIN, whatever was missing.
    throw Error(ErrorCode::limit_reached,
                Error::from_errno(fmt::format("start a thread to {}", purpose), error.code().value()).operation(),
                "free some memory, or raise the limit on processes (ulimit -u, pids.max)", error.code().value());
  }
}

} // namespace ringfleet::os
