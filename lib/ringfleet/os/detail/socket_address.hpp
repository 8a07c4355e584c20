#pragma once

// The address of a unix socket. A path that does not fit sun_path (108 bytes) is reached through a descriptor of its
// directory, so the length of the runtime directory does not matter.

#include "ringfleet/os/descriptor.hpp"

#include <string>

#include <sys/socket.h>
#include <sys/un.h>

namespace ringfleet::os::detail {

class SocketAddress {
public:
  explicit SocketAddress(const std::string& path);

  [[nodiscard]] const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&address_); }
  [[nodiscard]] socklen_t size() const noexcept { return sizeof(address_); }

private:
  Descriptor directory_; // open while the address is in use
  sockaddr_un address_{};
};

} // namespace ringfleet::os::detail
