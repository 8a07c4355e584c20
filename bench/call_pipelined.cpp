// Calls a second of one caller thread that keeps 32 calls in flight, 64 bytes in, the same 64 bytes out.
//
//   client, core A                                     server, core B
//   start() start() … 32 ahead --[request slots]---->  poll()  start()  echo  reply()  finish()
//   collect the oldest   <-------[reply slots]-------
//   verify, release(), start the next
//
// `ours`: 32 in flight. `ours_serial`: the same lane with one in flight, which is what pipelining is measured against.

#include "floors/floors.hpp"
#include "harness/experiment.hpp"
#include "harness/payload.hpp"
#include "harness/stopwatch.hpp"
#include "lane/echo_lane.hpp"
#include "lane/lane_trip.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <utility>

using namespace ringfleet;
using namespace ringfleet::bench;

namespace {

constexpr std::size_t bytes = 64;

// Calls under way, oldest first; each has a payload of its own, against which its answer is compared.
template <unsigned in_flight>
class Pipeline {
public:
  explicit Pipeline(call::CallerLane& lane) : lane_(lane) {
    for (std::size_t i = 0; i < in_flight; ++i) {
      start(calls_[i]);
    }
  }

  // Collects the oldest call and starts another in its place. Returns when the collected one was started.
  Ticks step() {
    Call& oldest = calls_[next_ % in_flight];
    const Ticks started = oldest.started;
    finish(oldest);
    start(oldest);
    ++next_;
    return started;
  }

  void drain() {
    for (std::size_t i = 0; i < in_flight; ++i) {
      finish(calls_[(next_ + i) % in_flight]);
    }
  }

private:
  struct Call {
    Payload payload{bytes};
    std::uint64_t position = 0;
    Ticks started = 0;
  };

  void start(Call& call) {
    call.started = stamp();
    call.position = start_or_throw(lane_, call.payload.next(), call::Delivery::held);
  }
  void finish(Call& call) {
    const call::Waited waited = lane_.wait(call.position, never);
    expect_ok(waited);
    call.payload.verify(waited.reply.bytes);
    lane_.release(call.position);
  }

  call::CallerLane& lane_;
  std::array<Call, in_flight> calls_;
  std::uint64_t next_ = 0;
};

// Latency is from start to collected reply, waiting in the pipeline included.
template <unsigned in_flight>
Sample measure(const Slice& slice) {
  EchoLane lane(slice.server_core, {}, call::WaitMode::spin);
  pin_to(slice.client_core);
  Pipeline<in_flight> pipeline(lane.caller());
  constexpr double warm_up_part = 0.2;
  const Ticks warm_up_end = stamp() + ticks_of(slice.seconds * warm_up_part);
  while (stamp() < warm_up_end) {
    pipeline.step();
  }
  Sample sample;
  std::uint64_t calls = 0;
  const Ticks begin = stamp();
  const Ticks end = begin + ticks_of(slice.seconds);
  Ticks now = begin;
  while (now < end) {
    const Ticks started = pipeline.step();
    now = stamp();
    sample.latency.record(now - started);
    ++calls;
  }
  sample.ops_per_s = static_cast<double>(calls) / seconds_of(now - begin);
  pipeline.drain();
  lane.finish();
  return sample;
}

template <unsigned in_flight>
Row over_a_lane(std::string name) {
  return {.name = std::move(name),
          .parameters = {{"bytes", std::to_string(bytes)}, {"in_flight", std::to_string(in_flight)}},
          .measure = measure<in_flight>};
}

} // namespace

int main(int argc, char** argv) {
  Experiment experiment("call_pipelined", parse_options(argc, argv, 2), floor_bounce());
  experiment.add(over_a_lane<32>("ours"));
  experiment.add(over_a_lane<1>("ours_serial"));
  experiment.add_ratio("ours", "ours_serial", RatioKind::rate);
  experiment.add_ratio("ours", "floor_bounce", RatioKind::rate);
  return experiment.run();
}
