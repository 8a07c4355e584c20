//   client --pipe--> server
//   client <--pipe-- server

#include "peers/peers.hpp"
#include "peers/stream_echo.hpp"

#include "ringfleet/base/error.hpp"

#include <cerrno>
#include <string>

#include <unistd.h>

namespace ringfleet::bench {

Row peer_pipe(std::size_t bytes) {
  const auto measure = [bytes](const Slice& slice) {
    int there[2];
    int back[2];
    if (pipe(there) != 0 || pipe(back) != 0) {
      throw Error::from_errno("create a pipe", errno);
    }
    return measure_stream_echo(slice, {back[0], there[1], there[0], back[1]}, bytes);
  };
  return {.name = "peer_pipe", .parameters = {{"bytes", std::to_string(bytes)}}, .measure = measure};
}

} // namespace ringfleet::bench
