#include "ringfleet/os/socket.hpp"

#include "ringfleet/base/assert.hpp"
#include "ringfleet/base/error.hpp"
#include "ringfleet/base/limits.hpp"
#include "ringfleet/os/detail/retry.hpp"
#include "ringfleet/os/detail/socket_address.hpp"
#include "ringfleet/os/detail/timeout.hpp"

#include <array>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ringfleet::os {
namespace {

constexpr int socket_type = SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK;
// How often a send is made again while the kernel has no memory for its buffer, which passes.
constexpr int attempts_without_memory = 8;
constexpr const char* descriptor_advice = "raise the limit on open files (ulimit -n)";

Descriptor new_socket() {
  Descriptor socket(::socket(AF_UNIX, socket_type, 0));
  if (!socket) {
    throw Error::from_errno("create a socket", errno, errno == EMFILE ? descriptor_advice : "");
  }
  return socket;
}

// False when the deadline came first.
bool wait_until_ready(int fd, short events, MonotonicNs deadline) {
  pollfd entry{fd, events, 0};
  int ready = 0;
  do {
    if (deadline != never && monotonic_now() >= deadline) {
      return false;
    }
    const timespec left = detail::time_left(deadline);
    ready = ::ppoll(&entry, 1, deadline == never ? nullptr : &left, nullptr);
  } while (ready == 0 || (ready < 0 && errno == EINTR));
  if (ready < 0) {
    throw Error::from_errno("wait for a socket", errno);
  }
  return true;
}

bool nobody_listens(const detail::SocketAddress& address) {
  const Descriptor probe = new_socket();
  return detail::retry([&] { return ::connect(probe.get(), address.get(), address.size()); }) != 0 &&
         errno == ECONNREFUSED;
}

// Room for more descriptors than any message of ours carries: those of a hostile peer must be received to be closed.
constexpr std::size_t descriptors_received_max = 64;
static_assert(limits::control_descriptors_max <= descriptors_received_max);

std::vector<Descriptor> take_descriptors(const msghdr& message) {
  std::vector<Descriptor> taken;
  for (const cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(const_cast<msghdr*>(&message), const_cast<cmsghdr*>(part))) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) {
      continue;
    }
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof(int));
      taken.emplace_back(fd);
    }
  }
  return taken;
}

} // namespace

Socket::Socket(Descriptor descriptor) : descriptor_(std::move(descriptor)) {
  const int flags = ::fcntl(fd(), F_GETFL);
  if (flags < 0 || ::fcntl(fd(), F_SETFL, flags | O_NONBLOCK) != 0 || ::fcntl(fd(), F_SETFD, FD_CLOEXEC) != 0) {
    throw Error::from_errno(fmt::format("take over descriptor {} as a socket", fd()), errno);
  }
}

std::pair<Socket, Socket> Socket::pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, socket_type, 0, ends.data()) != 0) {
    throw Error::from_errno("create a socket pair", errno, errno == EMFILE ? descriptor_advice : "");
  }
  Descriptor first(ends[0]);
  Descriptor second(ends[1]);
  return {Socket(std::move(first)), Socket(std::move(second))};
}

Socket Socket::listen(const std::string& path) {
  const std::string what = fmt::format("listen on '{}'", path);
  const detail::SocketAddress address(path);
  Descriptor socket = new_socket();
  int bound = ::bind(socket.get(), address.get(), address.size());
  if (bound != 0 && errno == EADDRINUSE) {
    struct stat status{};
    if (::lstat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode) || !nobody_listens(address)) {
      throw Error(ErrorCode::already_exists, what + ": it is in use",
                  "stop whoever listens there, or use another name");
    }
    ::unlink(path.c_str());
    bound = ::bind(socket.get(), address.get(), address.size());
  }
  if (bound != 0) {
    throw Error::from_errno(what, errno);
  }
  if (::chmod(path.c_str(), 0600) != 0 || ::listen(socket.get(), SOMAXCONN) != 0) {
    const int error = errno;
    ::unlink(path.c_str());
    throw Error::from_errno(what, error);
  }
  return Socket(std::move(socket));
}

Socket Socket::connect(const std::string& path) {
  const std::string what = fmt::format("connect to '{}'", path);
  const detail::SocketAddress address(path);
  Descriptor socket = new_socket();
  if (detail::retry([&] { return ::connect(socket.get(), address.get(), address.size()); }) == 0) {
    return Socket(std::move(socket));
  }
  const int error = errno;
  if (error == ECONNREFUSED) {
    throw Error(ErrorCode::not_found, what + ": nobody listens there any more", "start it again", error);
  }
  if (error == EAGAIN) {
    throw Error(ErrorCode::limit_reached, what + ": too many others are waiting there", "try again later", error);
  }
  throw Error::from_errno(what, error, error == ENOENT ? "is it running?" : "");
}

std::optional<Socket> Socket::accept(MonotonicNs deadline) {
  while (true) {
    Descriptor accepted(::accept4(fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (accepted) {
      return Socket(std::move(accepted));
    }
    if (errno == EINTR || errno == ECONNABORTED) {
      continue;
    }
    if (errno != EAGAIN) {
      throw Error::from_errno("accept a connection", errno,
                              errno == EMFILE || errno == ENFILE ? descriptor_advice : "");
    }
    if (!wait_until_ready(fd(), POLLIN, deadline)) {
      return std::nullopt;
    }
  }
}

SocketStatus Socket::send(std::span<const std::byte> message, std::span<const int> descriptors, MonotonicNs deadline) {
  const iovec part{const_cast<std::byte*>(message.data()), message.size()};
  return send(std::span(&part, 1), descriptors, deadline);
}

SocketStatus Socket::send(std::span<const iovec> parts, std::span<const int> descriptors, MonotonicNs deadline) {
  std::size_t length = 0;
  for (const auto& part : parts) {
    length += part.iov_len;
  }
  RINGFLEET_ASSERT(length > 0, "an empty message looks like the end of the connection");
  if (descriptors.size() > descriptors_received_max) {
    throw Error(ErrorCode::limit_reached, fmt::format("send {} descriptors in one message: the limit is {}",
                                                      descriptors.size(), descriptors_received_max));
  }
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int) * descriptors_received_max)> control{};
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts.data());
  message.msg_iovlen = parts.size();
  if (!descriptors.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
  }
  for (int attempt = 1;; ++attempt) {
    if (detail::retry([&] { return ::sendmsg(fd(), &message, MSG_NOSIGNAL); }) >= 0) {
      return SocketStatus::ok;
    }
    switch (errno) {
    case EAGAIN:
      if (!wait_until_ready(fd(), POLLOUT, deadline)) {
        return SocketStatus::would_block;
      }
      break;
    case ENOMEM:
    case ENOBUFS:
      if (attempt == attempts_without_memory) {
        throw Error(ErrorCode::no_memory,
                    Error::from_errno(fmt::format("send a message of {} bytes", length), errno).operation(),
                    "free some memory", errno);
      }
      ::sched_yield();
      break;
    case EPIPE:
    case ECONNRESET:
    case ENOTCONN: return SocketStatus::closed;
    case EMSGSIZE:
      throw Error(ErrorCode::limit_reached,
                  fmt::format("send a message of {} bytes: it is too long for a socket", length),
                  "raise net.core.wmem_max", EMSGSIZE);
    case ETOOMANYREFS:
      throw Error(ErrorCode::limit_reached, "send descriptors: too many of this user's are under way",
                  "raise the limit on open files (ulimit -n)", ETOOMANYREFS);
    default: throw Error::from_errno("send a message", errno);
    }
  }
}

Received Socket::receive(std::span<std::byte> buffer, MonotonicNs deadline) {
  for (int attempt = 1;; ++attempt) {
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int) * descriptors_received_max)> control{};
    iovec part{buffer.data(), buffer.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t length = detail::retry([&] { return ::recvmsg(fd(), &message, MSG_CMSG_CLOEXEC); });
    if (length < 0) {
      if ((errno == ENOMEM || errno == ENOBUFS) && attempt < attempts_without_memory) {
        ::sched_yield();
        continue;
      }
      if (errno == EAGAIN) {
        if (!wait_until_ready(fd(), POLLIN, deadline)) {
          return {SocketStatus::would_block, 0, {}};
        }
        continue;
      }
      if (errno == ECONNRESET || errno == ENOTCONN) {
        return {SocketStatus::closed, 0, {}};
      }
      throw Error::from_errno("receive a message", errno);
    }
    auto descriptors = take_descriptors(message);
    if ((message.msg_flags & MSG_CTRUNC) != 0) {
      throw Error(ErrorCode::no_descriptors, "receive a message: the descriptors it carries were lost",
                  descriptor_advice);
    }
    if ((message.msg_flags & MSG_TRUNC) != 0) {
      throw Error(ErrorCode::bad_message, fmt::format("receive a message: it is longer than {} bytes", buffer.size()));
    }
    if (length == 0) {
      return {SocketStatus::closed, 0, {}};
    }
    return {
        .status = SocketStatus::ok, .bytes = static_cast<std::size_t>(length), .descriptors = std::move(descriptors)};
  }
}

} // namespace ringfleet::os
