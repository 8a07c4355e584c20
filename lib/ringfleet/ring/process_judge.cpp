#include "ringfleet/ring/process_judge.hpp"

#include "ringfleet/base/error.hpp"

namespace ringfleet::ring {

std::optional<os::Descriptor> open_living(ActorMark actor) {
  if (actor.pid == 0) { // no process has it, and the system calls would take it for something else
    return std::nullopt;
  }
  const auto pid = static_cast<std::int32_t>(actor.pid);
  os::Descriptor pidfd;
  try {
    pidfd = os::open_pidfd(pid);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::not_found) {
      return std::nullopt;
    }
    throw;
  }
  // The start time is read after the pidfd is open: as long as the pidfd is not ready the pid is its.
  const auto identity = os::identity_of(pid);
  if (os::is_dead(pidfd) || !identity || ActorMark::of(*identity) != actor) {
    return std::nullopt;
  }
  return pidfd;
}

bool is_surely_dead(ActorMark actor) noexcept {
  try {
    return !open_living(actor);
  } catch (const Error&) {
    return false;
  }
}

} // namespace ringfleet::ring
