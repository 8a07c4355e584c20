//   source --boost::lockfree::spsc_queue--> sink       two threads, capacity fixed at compile time

#include "peers/peers.hpp"

#include "stream/message.hpp"
#include "stream/ring_stream.hpp"
#include "stream/stream.hpp"

#include "ringfleet/base/assert.hpp"

#include <memory>
#include <string>

#include <boost/lockfree/spsc_queue.hpp>

namespace ringfleet::bench {
namespace {

template <std::size_t bytes>
Sample measure(const Slice& slice) {
  using Queue = boost::lockfree::spsc_queue<Message<bytes>, boost::lockfree::capacity<stream_ring_bytes / bytes - 1>>;
  const auto queue = std::make_unique<Queue>();
  SharedMemory memory(sizeof(StreamEnd));
  auto& end = memory.as<StreamEnd>();
  OtherSide source(Beside::thread, slice.server_core, [&] {
    run_source(end, [&](std::uint64_t first) {
      for (std::uint64_t number = first; number != first + stream_block; ++number) {
        Message<bytes> message;
        message.fill(number);
        while (!queue->push(message)) {
        }
      }
    });
  });
  pin_to(slice.client_core);
  Checker checker;
  return time_stream(slice, end, source, checker, [&]() -> std::uint64_t {
    return queue->consume_one([&](const Message<bytes>& message) { checker.check(message); }) ? 1 : 0;
  });
}

} // namespace

Row peer_boost_lockfree(std::size_t bytes) {
  RINGFLEET_ASSERT(bytes == 8 || bytes == 64, "the queue is compiled for messages of 8 and of 64 bytes");
  return {.name = "peer_boost_lockfree",
          .parameters = {{"bytes", std::to_string(bytes)}, {"batch", "1"}, {"beside", name_of(Beside::thread)}},
          .measure = bytes == 8 ? measure<8> : measure<64>};
}

} // namespace ringfleet::bench
