// Messages a second through a ring of slots, one producer, one reader, never more than the reader takes.
//
//   producer, server core                            reader, client core
//   claim 1 or 16   fill   publish  --[slots]----->  available()   check every word of each   release
//          waits for room           <--[gate]------
//
// `ours`: a `spin` ring, each message published on its own. `ours_batch`: 16 at a time. `ours_park`: each on its own
// through a ring on which either side may sleep. `ours_threads`: as `ours`, but the two sides are threads. The reader
// takes what there is and releases it at once, which is what the interface offers; `baseline_spsc` and
// `peer_boost_lockfree` offer one element at a time.

#include "baseline/spsc_queue.hpp"
#include "floors/floors.hpp"
#include "harness/experiment.hpp"
#include "peers/peers.hpp"
#include "stream/ring_stream.hpp"
#include "stream/stream.hpp"

#include <string>
#include <utility>

using namespace ringfleet;
using namespace ringfleet::bench;

namespace {

template <std::size_t bytes>
constexpr std::size_t slots_of = stream_ring_bytes / bytes;

Parameters parameters(std::size_t bytes, std::uint64_t batch, Beside beside) {
  return {{"bytes", std::to_string(bytes)}, {"batch", std::to_string(batch)}, {"beside", name_of(beside)}};
}

template <std::size_t bytes, std::uint64_t batch>
Row through_a_ring(std::string name, ring::Waiting waiting, Beside beside) {
  return {.name = std::move(name), .parameters = parameters(bytes, batch, beside), .measure = [=](const Slice& slice) {
            return stream_through_ring<bytes, batch>(slice, waiting, beside);
          }};
}

template <std::size_t bytes>
Row through_a_spsc_queue(std::string name, Beside beside) {
  return {.name = std::move(name), .parameters = parameters(bytes, 1, beside), .measure = [beside](const Slice& slice) {
            struct Shared {
              StreamEnd end;
              baseline::SpscQueue<Message<bytes>, slots_of<bytes>> queue;
            };
            SharedMemory memory(sizeof(Shared));
            auto& shared = memory.as<Shared>();
            OtherSide source(beside, slice.server_core, [&shared] {
              run_source(shared.end, [&](std::uint64_t first) {
                for (std::uint64_t number = first; number != first + stream_block; ++number) {
                  Message<bytes> message;
                  message.fill(number);
                  shared.queue.push(message);
                }
              });
            });
            pin_to(slice.client_core);
            Checker checker;
            return time_stream(slice, shared.end, source, checker, [&]() -> std::uint64_t {
              const Message<bytes>* message = shared.queue.front();
              if (message == nullptr) {
                return 0;
              }
              checker.check(*message);
              shared.queue.pop();
              return 1;
            });
          }};
}

template <std::size_t bytes>
void add_rows(Experiment& experiment) {
  experiment.add(through_a_ring<bytes, 1>("ours", ring::Waiting::spin, Beside::process));
  experiment.add(through_a_spsc_queue<bytes>("baseline_spsc", Beside::process));
  experiment.add(through_a_ring<bytes, 16>("ours_batch", ring::Waiting::spin, Beside::process));
  experiment.add(through_a_ring<bytes, 1>("ours_park", ring::Waiting::park, Beside::process));
  experiment.add(through_a_ring<bytes, 16>("ours_park_batch", ring::Waiting::park, Beside::process));
  experiment.add(through_a_ring<bytes, 1>("ours_threads", ring::Waiting::spin, Beside::thread));
  experiment.add(peer_boost_lockfree(bytes));
  experiment.add(peer_crate("peer_disruptor_mp", {.kind = "stream", .transport = "disruptor-mp", .bytes = bytes}));
  experiment.add(peer_crate("peer_disruptor_mp_batch",
                            {.kind = "stream", .transport = "disruptor-mp", .bytes = bytes, .batch = 16}));
  const std::string suffix = "@bytes=" + std::to_string(bytes);
  experiment.add_ratio("ours", "baseline_spsc", RatioKind::rate, suffix);
  experiment.add_ratio("ours_batch", "ours", RatioKind::rate, suffix);
  experiment.add_ratio("ours_batch", "baseline_spsc", RatioKind::rate, suffix);
  experiment.add_ratio("ours_park", "baseline_spsc", RatioKind::rate, suffix);
  experiment.add_ratio("ours_park_batch", "ours_park", RatioKind::rate, suffix);
  experiment.add_ratio("ours", "peer_disruptor_mp", RatioKind::rate, suffix);
  experiment.add_ratio("ours_batch", "peer_disruptor_mp_batch", RatioKind::rate, suffix);
  experiment.add_ratio("ours_threads", "peer_boost_lockfree", RatioKind::rate, suffix);
}

} // namespace

int main(int argc, char** argv) {
  Experiment experiment("ring_1p1c", parse_options(argc, argv, 2), floor_bounce());
  add_rows<8>(experiment);
  add_rows<64>(experiment);
  return experiment.run();
}
