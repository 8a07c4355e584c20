#pragma once

// Round trips over two file descriptors that carry a stream of bytes.

#include "harness/experiment.hpp"

#include <cstddef>

namespace ringfleet::bench {

// The four ends; all are closed afterwards. The server answers until it reads end of file.
struct StreamEnds {
  int client_reads;
  int client_writes;
  int server_reads;
  int server_writes; // may equal server_reads, as client_writes may equal client_reads
};

[[nodiscard]] Sample measure_stream_echo(const Slice& slice, const StreamEnds& ends, std::size_t bytes);

} // namespace ringfleet::bench
