#include "lane/echo_lane.hpp"

#include "harness/spin.hpp"

#include "ringfleet/base/atomics.hpp"
#include "ringfleet/base/copy.hpp"
#include "ringfleet/base/error.hpp"
#include "ringfleet/call/server_lane.hpp"
#include "ringfleet/call/server_park.hpp"

#include <cstring>
#include <limits>
#include <utility>

namespace ringfleet::bench {

// The steps of a segment's life (memory/segment.hpp) up to an open lane, one word each.
struct EchoLane::Handshake {
  std::uint32_t server_mapped;
  std::uint32_t sealed;
  std::uint32_t serving;
};

namespace {

constexpr std::uint32_t method_stop = std::numeric_limits<std::uint32_t>::max();

memory::Expectation expectation(memory::SegmentKind kind, std::size_t bytes, const call::LaneShape& shape) {
  return {.kind = kind, .body_bytes_min = bytes, .fingerprint = call::lane_fingerprint(shape)};
}

os::Descriptor create(memory::SegmentKind kind, std::size_t bytes, const call::LaneShape& shape) {
  return memory::create_anonymous_segment(
      "bench-lane", {.kind = kind, .body_bytes = bytes, .generation = 1, .fingerprint = call::lane_fingerprint(shape)});
}

void raise(std::uint32_t& word) {
  Atomics::store_release(word, std::uint32_t{1});
}
void await(const std::uint32_t& word, PeerProcess* peer) {
  while (Atomics::load_acquire(word) == 0) {
    pause();
    if (peer != nullptr) {
      peer->expect_alive();
    }
  }
}

void serve(call::ServerLane& lane) {
  const std::uint32_t control = 0;
  call::ServerPark park(control);
  park.add(lane);
  call::Request request;
  for (;;) {
    park.wait(0, never);
    while (lane.poll(request)) {
      const std::uint64_t position = request.position;
      lane.start(0, position, request.deadline);
      const auto bytes = static_cast<std::uint32_t>(request.payload.size());
      const call::ReplyBuffer buffer = lane.reply_buffer(position, bytes);
      copy_bytes(buffer.bytes.data(), request.payload.data(), bytes);
      const bool stop = request.method == method_stop;
      lane.reply(position, CallStatus::ok, 0, bytes);
      lane.finish(0);
      if (stop) {
        return;
      }
    }
  }
}

} // namespace

EchoLane::EchoLane(int server_core, const call::LaneShape& shape, call::WaitMode mode)
    : shape_(shape), handshake_(sizeof(Handshake)) {
  const auto wanted_requests = expectation(memory::SegmentKind::requests, call::client_body_bytes(shape), shape);
  const auto wanted_replies = expectation(memory::SegmentKind::replies, call::runner_body_bytes(shape), shape);
  os::Descriptor requests = create(memory::SegmentKind::requests, call::client_body_bytes(shape), shape);
  os::Descriptor replies = create(memory::SegmentKind::replies, call::runner_body_bytes(shape), shape);
  auto& handshake = handshake_.as<Handshake>();

  server_.emplace(server_core, [&] {
    auto own = memory::Segment::attach_writer(std::move(replies), wanted_replies, "bench-replies");
    raise(handshake.server_mapped);
    await(handshake.sealed, nullptr);
    const auto peers = memory::Segment::attach_reader(std::move(requests), wanted_requests, "bench-requests");
    call::ServerLane lane(shape, own.writable_body(), peers.body(), {.mode = mode, .arena_wanted = {}});
    raise(handshake.serving);
    serve(lane);
  });

  await(handshake.server_mapped, &*server_);
  os::Descriptor replies_to_read = replies.duplicate();
  memory::seal_segment(replies, "bench-replies");
  os::Descriptor requests_to_seal = requests.duplicate();
  requests_ = memory::Segment::attach_writer(std::move(requests), wanted_requests, "bench-requests");
  memory::seal_segment(requests_to_seal, "bench-requests");
  raise(handshake.sealed);
  replies_ = memory::Segment::attach_reader(std::move(replies_to_read), wanted_replies, "bench-replies");
  await(handshake.serving, &*server_);
  caller_ = std::make_unique<call::CallerLane>(
      shape, requests_.writable_body(), replies_.body(),
      call::CallerLaneOptions{.mode = mode, .obituary = nullptr, .arena_wanted = {}});
}

void EchoLane::finish() {
  const auto started = caller_->start({.method = method_stop}, {}, call::Delivery::held, never);
  if (started.status != call::StartStatus::started ||
      caller_->wait(started.position, never).status != call::WaitStatus::replied) {
    throw Error(ErrorCode::wrong_state, "the echo server did not take its last request");
  }
  server_->join();
}

} // namespace ringfleet::bench
