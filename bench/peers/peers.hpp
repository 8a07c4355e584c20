#pragma once

// How others carry 64 bytes to another process and back: the rows `peer_…`. Same pinning, same payload, same check of
// the answer as our own rows.

#include "harness/experiment.hpp"

#include <cstddef>

namespace ringfleet::bench {

[[nodiscard]] Row peer_pipe(std::size_t bytes);        // two pipes
[[nodiscard]] Row peer_unix_socket(std::size_t bytes); // one stream socket pair
[[nodiscard]] Row peer_boost_queue(std::size_t bytes); // two boost::interprocess::message_queue

// Beside our streams; the two sides are threads.
[[nodiscard]] Row peer_boost_lockfree(std::size_t bytes); // boost::lockfree::spsc_queue; 8 or 64 bytes

} // namespace ringfleet::bench
