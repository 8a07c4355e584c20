#include "ringfleet/os/poller.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/os/detail/timeout.hpp"

#include <array>
#include <cerrno>

#include <fmt/format.h>

#include <sys/epoll.h>

namespace ringfleet::os {

Poller::Poller() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_) {
    throw Error::from_errno("create a poller", errno, "raise the limit on open files (ulimit -n)");
  }
}

void Poller::add(int fd, std::uint64_t token) {
  epoll_event interest{};
  interest.events = EPOLLIN | EPOLLRDHUP;
  interest.data.u64 = token;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &interest) != 0) {
    throw Error::from_errno(fmt::format("poll descriptor {}", fd), errno);
  }
}

void Poller::remove(int fd) noexcept {
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

std::span<const Poller::Event> Poller::wait(MonotonicNs deadline) {
  std::array<epoll_event, 64> ready{};
  int count = -1;
  do {
    const timespec left = detail::time_left(deadline);
    count = ::epoll_pwait2(epoll_.get(), ready.data(), static_cast<int>(ready.size()),
                           deadline == never ? nullptr : &left, nullptr);
  } while (count < 0 && errno == EINTR);
  if (count < 0) {
    throw Error::from_errno("wait for descriptors", errno, errno == ENOSYS ? "use Linux 5.11 or newer" : "");
  }
  events_.clear();
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    const std::uint32_t bits = ready[i].events;
    events_.push_back({.token = ready[i].data.u64,
                       .readable = (bits & EPOLLIN) != 0,
                       .hangup = (bits & (EPOLLHUP | EPOLLRDHUP | EPOLLERR)) != 0});
  }
  return events_;
}

} // namespace ringfleet::os
