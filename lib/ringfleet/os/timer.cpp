#include "ringfleet/os/timer.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/os/detail/retry.hpp"

#include <cerrno>
#include <cstdint>

#include <sys/timerfd.h>
#include <unistd.h>

namespace ringfleet::os {
namespace {

void set(int fd, Nanoseconds period) noexcept {
  constexpr std::int64_t second = 1'000'000'000;
  const timespec part{.tv_sec = period.count() / second, .tv_nsec = period.count() % second};
  const itimerspec setting{.it_interval = part, .it_value = part};
  (void)::timerfd_settime(fd, 0, &setting, nullptr);
}

} // namespace

Timer::Timer() : descriptor_(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)) {
  if (!descriptor_) {
    throw Error::from_errno("create a timer", errno, "raise the limit on open files (ulimit -n)");
  }
}

void Timer::start(Nanoseconds period) noexcept {
  set(descriptor_.get(), period);
}

void Timer::stop() noexcept {
  set(descriptor_.get(), Nanoseconds(0));
}

void Timer::drain() noexcept {
  std::uint64_t fired = 0;
  (void)detail::retry([&] { return ::read(descriptor_.get(), &fired, sizeof(fired)); });
}

} // namespace ringfleet::os
