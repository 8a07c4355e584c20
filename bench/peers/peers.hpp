#pragma once

// How others carry bytes to another process, or there and back: the rows `peer_…`. Same pinning, same payload, same
// check of what arrives as in our own rows. One that is not installed gives a row that says so.

#include "harness/experiment.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace ringfleet::bench {

// There and back.
[[nodiscard]] Row peer_pipe(std::size_t bytes);        // two pipes
[[nodiscard]] Row peer_unix_socket(std::size_t bytes); // one stream socket pair
[[nodiscard]] Row peer_boost_queue(std::size_t bytes); // two boost::interprocess::message_queue
[[nodiscard]] Row peer_zeromq(std::size_t bytes);      // a PAIR over ipc://
[[nodiscard]] Row peer_iceoryx(std::size_t bytes);     // a loan there, a loan back; nothing but their ends is touched

// One way. Of Boost.Lockfree's spsc_queue the two sides are threads; 8 or 64 bytes.
[[nodiscard]] Row peer_boost_lockfree(std::size_t bytes);
[[nodiscard]] Row peer_zeromq_stream(std::size_t bytes); // PUSH and PULL over ipc://

// Published as crates; what there is stands in rust/src/main.rs.
struct CrateRow {
  const char* kind; // "stream" or "trip"
  const char* transport;
  std::size_t bytes;
  std::uint64_t batch = 1;
};
[[nodiscard]] Row peer_crate(std::string name, CrateRow row);

} // namespace ringfleet::bench
