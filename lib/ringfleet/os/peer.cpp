#include "ringfleet/base/error.hpp"
#include "ringfleet/os/detail/retry.hpp"
#include "ringfleet/os/process.hpp"
#include "ringfleet/os/socket.hpp"

#include <cerrno>

#include <fmt/format.h>

#include <poll.h>
#include <sys/socket.h>

namespace ringfleet::os {
namespace {

// Linux 6.5; the headers of Debian 12 do not have it.
constexpr int so_peerpidfd = 77;

Error peer_died(std::int32_t pid) {
  return Error(ErrorCode::peer_died, fmt::format("identify the process at the other end (pid {}): it is dead", pid));
}

Descriptor kernel_pidfd(int socket) {
  int fd = -1;
  socklen_t size = sizeof(fd);
  return Descriptor(::getsockopt(socket, SOL_SOCKET, so_peerpidfd, &fd, &size) == 0 ? fd : -1);
}

bool has_hung_up(int socket) {
  pollfd entry{socket, POLLRDHUP, 0};
  return detail::retry([&] { return ::poll(&entry, 1, 0); }) > 0 && (entry.revents & (POLLHUP | POLLRDHUP)) != 0;
}

} // namespace

PeerCredentials Socket::peer() const {
  ucred credentials{};
  socklen_t size = sizeof(credentials);
  if (::getsockopt(fd(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    throw Error::from_errno("identify the process at the other end", errno);
  }
  PeerCredentials peer;
  peer.pid = credentials.pid;
  peer.uid = credentials.uid;
  const auto before = identity_of(peer.pid);
  peer.pidfd = kernel_pidfd(fd());
  if (!peer.pidfd) {
    // An older kernel, or the peer is reaped. A pid of its own could already belong to somebody else: the connection
    // must still stand and the start time be the same after the pidfd is open.
    if (!before) {
      throw peer_died(peer.pid);
    }
    peer.pidfd = open_pidfd(peer.pid);
    if (identity_of(peer.pid) != before || has_hung_up(fd())) {
      throw peer_died(peer.pid);
    }
  }
  const auto after = identity_of(peer.pid);
  if (!after || before != after) {
    throw peer_died(peer.pid);
  }
  peer.start_time_ticks = after->start_time_ticks;
  return peer;
}

} // namespace ringfleet::os
