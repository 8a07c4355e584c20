#include "stream/frame_stream.hpp"

#include "stream/payload_stream.hpp"
#include "stream/ring_stream.hpp"
#include "stream/stream.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/frame/frame_reader.hpp"
#include "ringfleet/frame/frame_writer.hpp"
#include "ringfleet/ring/ring.hpp"

namespace ringfleet::bench {

Sample stream_through_frames(const Slice& slice, std::size_t bytes, ring::Waiting waiting) {
  using Block = frame::FrameBlock;
  const ring::BarrierOptions options{.waiting = waiting, .shared = true};
  RingInMemory<Block> ring(frame_ring_bytes / sizeof(Block), 1);
  auto blocks = ring::Reader<Block>::join(ring.memory(), 0, {}, options);
  frame::FrameReader<ring::Reader<Block>> reader(*blocks);
  OtherSide source(Beside::process, slice.server_core, [&] {
    ring::Producer<Block> producer(ring.memory(), options);
    frame::FrameWriter<ring::Producer<Block>> writer(producer);
    StreamPayload payload(bytes);
    run_source(ring.end(), [&](std::uint64_t first) {
      for (std::uint64_t number = first; number != first + stream_block; ++number) {
        if (writer.write_until(payload.numbered(number), never) != frame::WriteResult::written) {
          throw Error(ErrorCode::wrong_state, "the frame writer refused a message");
        }
      }
    });
  });
  pin_to(slice.client_core);
  PayloadChecker checker(bytes);
  return time_stream(slice, ring.end(), source, checker, [&]() -> std::uint64_t {
    const auto polled = reader.poll([&](const frame::View& view) { checker.check(view.bytes); });
    if (polled.messages == 0) {
      static_cast<void>(reader.wait(monotonic_now() + look_again_ns));
    }
    return polled.messages;
  });
}

} // namespace ringfleet::bench
