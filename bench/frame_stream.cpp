// Messages a second through layer 1: records of any length on a ring of 64-byte blocks, one writer, one reader.
//
//   writer, server core                                    reader, client core
//   write(): claim  memcpy  commit  --[header, payload]-->  poll()   read every word in place, compare   release
//
// `ours`: a `spin` ring, each message committed on its own. `ours_park`: either side may sleep. `floor_memcpy_once`:
// the payload copied once between two buffers as large as the ring, by one thread: at 64 KiB the writer does nothing
// else. The reader adds up all words, so the payload really moves to its core, which the floor does not ask for.

#include "stream/frame_stream.hpp"
#include "baseline/spsc_queue.hpp"
#include "floors/floors.hpp"
#include "harness/experiment.hpp"
#include "peers/peers.hpp"
#include "stream/payload_stream.hpp"
#include "stream/stream.hpp"

#include <array>
#include <cstddef>
#include <cstring>
#include <string>
#include <utility>

using namespace ringfleet;
using namespace ringfleet::bench;

namespace {

Row through_frames(std::string name, std::size_t bytes, ring::Waiting waiting) {
  return {.name = std::move(name),
          .parameters = {{"bytes", std::to_string(bytes)}},
          .measure = [=](const Slice& slice) { return stream_through_frames(slice, bytes, waiting); }};
}

template <std::size_t bytes>
void copy_once_into_spsc_queue(Experiment& experiment) {
  experiment.add(
      {.name = "baseline_spsc", .parameters = {{"bytes", std::to_string(bytes)}}, .measure = [](const Slice& slice) {
         struct Shared {
           StreamEnd end;
           baseline::SpscQueue<std::array<std::byte, bytes>, frame_ring_bytes / bytes> queue;
         };
         SharedMemory memory(sizeof(Shared));
         auto& shared = memory.as<Shared>();
         OtherSide source(Beside::process, slice.server_core, [&shared] {
           StreamPayload payload(bytes);
           run_source(shared.end, [&](std::uint64_t first) {
             for (std::uint64_t number = first; number != first + stream_block; ++number) {
               const std::byte* message = payload.numbered(number).data();
               shared.queue.push_with([message](auto& slot) { std::memcpy(slot.data(), message, bytes); });
             }
           });
         });
         pin_to(slice.client_core);
         PayloadChecker checker(bytes);
         return time_stream(slice, shared.end, source, checker, [&]() -> std::uint64_t {
           const auto* message = shared.queue.front();
           if (message == nullptr) {
             return 0;
           }
           checker.check(*message);
           shared.queue.pop();
           return 1;
         });
       }});
}

template <std::size_t bytes>
void add_rows(Experiment& experiment) {
  experiment.add(through_frames("ours", bytes, ring::Waiting::spin));
  copy_once_into_spsc_queue<bytes>(experiment);
  experiment.add(floor_memcpy_once(bytes, frame_ring_bytes));
  experiment.add(through_frames("ours_park", bytes, ring::Waiting::park));
  experiment.add(peer_crate("peer_myelon", {.kind = "stream", .transport = "myelon", .bytes = bytes}));
  experiment.add(peer_zeromq_stream(bytes));
  const std::string suffix = "@bytes=" + std::to_string(bytes);
  for (const char* other : {"floor_memcpy_once", "baseline_spsc", "peer_myelon", "peer_zeromq"}) {
    experiment.add_ratio("ours", other, RatioKind::rate, suffix);
  }
}

} // namespace

int main(int argc, char** argv) {
  Experiment experiment("frame_stream", parse_options(argc, argv, 2), floor_bounce());
  add_rows<32>(experiment);
  add_rows<1'024>(experiment);
  add_rows<16'384>(experiment);
  add_rows<65'536>(experiment);
  return experiment.run();
}
