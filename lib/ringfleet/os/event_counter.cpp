#include "ringfleet/os/event_counter.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/os/detail/retry.hpp"

#include <cerrno>

#include <sys/eventfd.h>
#include <unistd.h>

namespace ringfleet::os {

EventCounter::EventCounter() : descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!descriptor_) {
    throw Error::from_errno("create an event counter", errno, "raise the limit on open files (ulimit -n)");
  }
}

void EventCounter::signal() noexcept {
  const int saved = errno;
  const std::uint64_t one = 1;
  // EAGAIN: the counter is at its maximum, so whoever waits for it is woken anyway.
  [[maybe_unused]] const auto written = detail::retry([&] { return ::write(descriptor_.get(), &one, sizeof(one)); });
  errno = saved;
}

std::uint64_t EventCounter::drain() noexcept {
  std::uint64_t count = 0;
  const auto got = detail::retry([&] { return ::read(descriptor_.get(), &count, sizeof(count)); });
  return got == static_cast<ssize_t>(sizeof(count)) ? count : 0;
}

} // namespace ringfleet::os
