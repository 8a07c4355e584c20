#include "ringfleet/ring/process_judge.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/ring/shared_owners.hpp"

namespace ringfleet::ring {
namespace {

// `is_it(identity)`: is that the process in question?
template <class IsIt>
std::optional<os::Descriptor> open_if(std::int32_t pid, IsIt&& is_it) {
  if (pid <= 0) { // no process has it, and the system calls would take it for something else
    return std::nullopt;
  }
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
  if (os::is_dead(pidfd) || !identity || !is_it(*identity)) {
    return std::nullopt;
  }
  return pidfd;
}

template <class Open>
bool is_dead_if_none(Open&& open) noexcept {
  try {
    return !open();
  } catch (const Error&) {
    return false;
  }
}

} // namespace

std::optional<os::Descriptor> open_living(ActorMark actor) {
  return open_if(static_cast<std::int32_t>(actor.pid),
                 [&](const os::ProcessIdentity& process) { return ActorMark::of(process) == actor; });
}

std::optional<os::Descriptor> open_living_producer(std::uint64_t owner_identity) {
  const auto wanted = process_of(owner_identity);
  return open_if(wanted.pid, [&](const os::ProcessIdentity& process) { return process == wanted; });
}

bool is_surely_dead(ActorMark actor) noexcept {
  return is_dead_if_none([&] { return open_living(actor); });
}

bool is_surely_dead_producer(std::uint64_t owner_identity) noexcept {
  return is_dead_if_none([&] { return open_living_producer(owner_identity); });
}

} // namespace ringfleet::ring
