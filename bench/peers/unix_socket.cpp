//   client <--AF_UNIX, SOCK_STREAM--> server

#include "peers/peers.hpp"
#include "peers/stream_echo.hpp"

#include "ringfleet/base/error.hpp"

#include <cerrno>
#include <string>

#include <sys/socket.h>

namespace ringfleet::bench {

Row peer_unix_socket(std::size_t bytes) {
  const auto measure = [bytes](const Slice& slice) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) {
      throw Error::from_errno("create a socket pair", errno);
    }
    return measure_stream_echo(slice, {ends[0], ends[0], ends[1], ends[1]}, bytes);
  };
  return {.name = "peer_unix_socket", .parameters = {{"bytes", std::to_string(bytes)}}, .measure = measure};
}

} // namespace ringfleet::bench
