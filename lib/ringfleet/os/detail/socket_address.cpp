#include "ringfleet/os/detail/socket_address.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/os/detail/retry.hpp"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include <fcntl.h>

namespace ringfleet::os::detail {

SocketAddress::SocketAddress(const std::string& path) {
  address_.sun_family = AF_UNIX;
  std::string short_path = path;
  if (path.size() >= sizeof(address_.sun_path)) {
    const std::size_t slash = path.rfind('/');
    const std::string parent = slash == std::string::npos ? "." : path.substr(0, slash);
    directory_ = Descriptor(retry([&] { return ::open(parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC); }));
    if (!directory_) {
      throw Error::from_errno(fmt::format("open directory '{}'", parent), errno);
    }
    short_path = fmt::format("/proc/self/fd/{}/{}", directory_.get(), path.substr(slash + 1));
  }
  if (short_path.empty() || short_path.size() >= sizeof(address_.sun_path)) {
    throw Error(ErrorCode::invalid_argument, fmt::format("socket path '{}': its last part is empty or too long", path),
                fmt::format("use fewer than {} bytes", sizeof(address_.sun_path) - 32));
  }
  std::memcpy(address_.sun_path, short_path.data(), short_path.size());
}

} // namespace ringfleet::os::detail
