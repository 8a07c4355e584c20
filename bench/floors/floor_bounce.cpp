//   client core            server core
//   [ping line] ----------> reads
//   reads       <---------- [pong line]

#include "floors/floors.hpp"

#include "harness/process.hpp"
#include "harness/spin.hpp"
#include "harness/trips.hpp"

#include "ringfleet/base/atomics.hpp"
#include "ringfleet/base/cache_line.hpp"

#include <cstdint>
#include <limits>

namespace ringfleet::bench {
namespace {

struct Lines {
  alignas(page_bytes) std::uint64_t ping = 0;
  alignas(page_bytes) std::uint64_t pong = 0;
};

constexpr std::uint64_t end_of_run = std::numeric_limits<std::uint64_t>::max();

void answer(Lines& lines) {
  std::uint64_t seen = 0;
  while (seen != end_of_run) {
    std::uint64_t now = Atomics::load_acquire(lines.ping);
    while (now == seen) {
      pause();
      now = Atomics::load_acquire(lines.ping);
    }
    seen = now;
    Atomics::store_release(lines.pong, seen);
  }
}

Sample measure(const Slice& slice) {
  SharedMemory memory(sizeof(Lines));
  auto& lines = memory.as<Lines>();
  PeerProcess peer(slice.server_core, [&] { answer(lines); });
  pin_to(slice.client_core);
  std::uint64_t sent = 0;
  const auto bounce = [&](std::uint64_t value) {
    Atomics::store_release(lines.ping, value);
    while (Atomics::load_acquire(lines.pong) != value) {
      pause();
    }
  };
  Sample sample = time_trips(slice, [&] { bounce(++sent); });
  bounce(end_of_run);
  peer.join();
  return sample;
}

} // namespace

Row floor_bounce() {
  return {.name = "floor_bounce", .parameters = {}, .measure = measure};
}

} // namespace ringfleet::bench
