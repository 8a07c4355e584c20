#include "peers/stream_echo.hpp"

#include "harness/payload.hpp"
#include "harness/process.hpp"
#include "harness/trips.hpp"

#include "ringfleet/base/error.hpp"

#include <cerrno>
#include <span>
#include <vector>

#include <unistd.h>

namespace ringfleet::bench {
namespace {

void write_all(int fd, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0) {
      throw Error::from_errno("write to the peer", errno);
    }
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

// False at end of file.
bool read_all(int fd, std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t got = read(fd, bytes.data(), bytes.size());
    if (got < 0) {
      throw Error::from_errno("read from the peer", errno);
    }
    if (got == 0) {
      return false;
    }
    bytes = bytes.subspan(static_cast<std::size_t>(got));
  }
  return true;
}

void close_both(int one, int other) {
  close(one);
  if (other != one) {
    close(other);
  }
}

} // namespace

Sample measure_stream_echo(const Slice& slice, const StreamEnds& ends, std::size_t bytes) {
  PeerProcess peer(slice.server_core, [&] {
    close_both(ends.client_reads, ends.client_writes);
    std::vector<std::byte> buffer(bytes);
    while (read_all(ends.server_reads, buffer)) {
      write_all(ends.server_writes, buffer);
    }
  });
  close_both(ends.server_reads, ends.server_writes);
  pin_to(slice.client_core);
  Payload payload(bytes);
  Sample sample = time_trips(slice, [&] {
    write_all(ends.client_writes, payload.next());
    if (!read_all(ends.client_reads, payload.answer())) {
      throw Error(ErrorCode::peer_died, "the peer closed its end in the middle of the measurement");
    }
    payload.verify_answer();
  });
  close_both(ends.client_reads, ends.client_writes);
  peer.join();
  return sample;
}

} // namespace ringfleet::bench
