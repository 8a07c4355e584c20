#pragma once

// Unix sockets that keep message boundaries (SOCK_SEQPACKET) and pass descriptors. Control plane only. Sockets do not
// block by themselves: each operation takes a deadline, and a deadline in the past means "do not wait".

#include "ringfleet/base/clock.hpp"
#include "ringfleet/os/descriptor.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

struct iovec;

namespace ringfleet::os {

enum class SocketStatus : std::uint8_t {
  ok,
  would_block, // nothing there, or no room, until the deadline
  closed       // the other end is gone
};

struct Received {
  SocketStatus status = SocketStatus::would_block;
  std::size_t bytes = 0;
  std::vector<Descriptor> descriptors;
};

struct PeerCredentials {
  std::int32_t pid = 0;
  std::uint32_t uid = 0;
  std::uint64_t start_time_ticks = 0;
  Descriptor pidfd;
};

class Socket {
public:
  Socket() noexcept = default;
  explicit Socket(Descriptor descriptor); // an existing socket, e.g. inherited; made non-blocking and close-on-exec

  [[nodiscard]] static std::pair<Socket, Socket> pair();
  // Binds with mode 0600. Replaces a socket nobody listens on; throws Error(already_exists) when somebody does. The
  // caller holds the lock of the directory.
  [[nodiscard]] static Socket listen(const std::string& path);
  // Throws Error: not_found (no such socket, or nobody listens any more), no_permission.
  [[nodiscard]] static Socket connect(const std::string& path);

  [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(descriptor_); }
  [[nodiscard]] int fd() const noexcept { return descriptor_.get(); }
  [[nodiscard]] const Descriptor& descriptor() const noexcept { return descriptor_; }
  void close() noexcept { descriptor_.reset(); }

  // Empty when nobody connects until the deadline. Throws Error(no_descriptors): the connection stays in the queue.
  [[nodiscard]] std::optional<Socket> accept(MonotonicNs deadline = 0);

  // A whole message or nothing; it must not be empty. The descriptors stay open here. Never raises SIGPIPE. Throws
  // Error: limit_reached when message or descriptors are too many for the kernel.
  [[nodiscard]] SocketStatus send(std::span<const iovec> parts, std::span<const int> descriptors, MonotonicNs deadline);
  [[nodiscard]] SocketStatus send(std::span<const std::byte> message, std::span<const int> descriptors = {},
                                  MonotonicNs deadline = 0);

  // One message. Throws Error: bad_message when it is longer than the buffer, no_descriptors when descriptors were lost
  // because this process has reached its limit; both messages are gone and their descriptors closed.
  [[nodiscard]] Received receive(std::span<std::byte> buffer, MonotonicNs deadline = 0);

  // Who called connect (for a listener's connection) or listen (for a client). Throws Error(peer_died).
  [[nodiscard]] PeerCredentials peer() const;

private:
  Descriptor descriptor_;
};

} // namespace ringfleet::os
