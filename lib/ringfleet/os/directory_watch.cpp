#include "ringfleet/os/directory_watch.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/os/detail/retry.hpp"
#include "ringfleet/os/detail/timeout.hpp"

#include <array>
#include <cerrno>

#include <fmt/format.h>

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

namespace ringfleet::os {

DirectoryWatch::DirectoryWatch(const std::string& directory, Closing closing)
    : inotify_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)), directory_(directory) {
  if (!inotify_) {
    throw Error::from_errno(fmt::format("watch directory '{}'", directory), errno,
                            errno == EMFILE ? "raise the limit on open files (ulimit -n) or "
                                              "fs.inotify.max_user_instances"
                                            : "");
  }
  const std::uint32_t events = IN_CREATE | IN_MOVED_TO | IN_MODIFY | IN_ATTRIB | IN_ONLYDIR |
                               (closing == Closing::is_event ? std::uint32_t{IN_CLOSE_WRITE} : 0);
  if (::inotify_add_watch(inotify_.get(), directory.c_str(), events) < 0) {
    throw Error::from_errno(fmt::format("watch directory '{}'", directory), errno,
                            errno == ENOSPC ? "raise fs.inotify.max_user_watches" : "check the path");
  }
}

bool DirectoryWatch::wait(MonotonicNs deadline) {
  while (true) {
    pollfd entry{inotify_.get(), POLLIN, 0};
    const auto left = detail::time_left(deadline);
    const int ready = ::ppoll(&entry, 1, deadline == never ? nullptr : &left, nullptr);
    if (ready == 0) {
      return false;
    }
    if (ready > 0) {
      break;
    }
    if (errno != EINTR) {
      throw Error::from_errno(fmt::format("wait for directory '{}'", directory_), errno);
    }
  }
  // Whatever happened is one event for the caller.
  alignas(inotify_event) std::array<char, 4'096> events;
  while (detail::retry([&] { return ::read(inotify_.get(), events.data(), events.size()); }) > 0) {
  }
  return true;
}

} // namespace ringfleet::os
