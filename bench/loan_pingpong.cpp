// A payload lent from an arena, there and back, whatever its size: only its first and its last word are touched.
//
//   client, core A                                            server, core B
//   loan(n)  stamp both ends  commit  --[record: offset]-->   poll()  read both ends
//   poll()   read both ends           <--[record: offset]--   loan(n)  stamp both ends  commit
//
// Two frame rings, two arenas, both sides spin. The goal is that the size does not matter.

#include "floors/floors.hpp"
#include "harness/experiment.hpp"
#include "harness/process.hpp"
#include "harness/spin.hpp"
#include "harness/trips.hpp"
#include "peers/peers.hpp"
#include "stream/ring_memory.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/frame/frame_reader.hpp"
#include "ringfleet/frame/frame_writer.hpp"
#include "ringfleet/ring/ring.hpp"

#include <array>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <string>

using namespace ringfleet;
using namespace ringfleet::bench;

namespace {

using Block = frame::FrameBlock;

constexpr std::array<std::size_t, 5> loan_bytes{64, 4UL << 10, 256UL << 10, 4UL << 20, 64UL << 20};
constexpr std::uint64_t end_of_run = std::numeric_limits<std::uint64_t>::max();
constexpr ring::BarrierOptions spins{.waiting = ring::Waiting::spin, .shared = true};

// One direction: a ring, and the arena of its writer, which has room for four loans.
struct Road {
  explicit Road(std::size_t bytes)
      : ring(1'024, 1), arena(4 * bytes + page_bytes, Pages::when_touched), bytes_in_arena(4 * bytes + page_bytes) {}

  [[nodiscard]] std::span<std::byte> arena_bytes() { return {&arena.as<std::byte>(), bytes_in_arena}; }

  RingInMemory<Block> ring;
  SharedMemory arena;
  std::size_t bytes_in_arena;
};

class Sender {
public:
  explicit Sender(Road& road)
      : arena_(road.arena_bytes()), producer_(road.ring.memory(), spins), writer_(producer_, {.arena = &arena_}) {}

  void send(std::uint64_t number, std::size_t bytes) {
    auto loan = writer_.loan(bytes);
    while (!loan) { // the other side has answered, and releases what it has read in a moment
      bench::pause();
      loan = writer_.loan(bytes);
    }
    std::memcpy(loan.bytes().data(), &number, sizeof number);
    std::memcpy(loan.bytes().data() + bytes - sizeof number, &number, sizeof number);
    if (loan.commit(loan.bytes()) != frame::WriteResult::written) {
      throw Error(ErrorCode::wrong_state, "the ring has no block for a loan");
    }
  }

private:
  frame::LoanArena<> arena_;
  ring::Producer<Block> producer_;
  frame::FrameWriter<ring::Producer<Block>> writer_;
};

class Receiver {
public:
  explicit Receiver(Road& road) : blocks_(*ring::Reader<Block>::join(road.ring.memory(), 0, {}, spins)) {
    if (!views_.open(1, road.arena_bytes())) {
      throw Error(ErrorCode::wrong_state, "the arena cannot be viewed");
    }
    reader_.emplace(blocks_, frame::ReaderOptions{.arenas = &views_});
  }

  [[nodiscard]] std::uint64_t receive(std::size_t bytes) {
    std::uint64_t number = 0;
    const auto read = [&](const frame::View& view) {
      std::uint64_t last = 0;
      if (view.bytes.size() == bytes) {
        std::memcpy(&number, view.bytes.data(), sizeof number);
        std::memcpy(&last, view.bytes.data() + bytes - sizeof last, sizeof last);
      }
      if (last == 0 || last != number) {
        throw Error(ErrorCode::bad_message, "the payload differs from what was sent");
      }
    };
    while (reader_->poll(read, 1).messages == 0) {
      bench::pause();
    }
    return number;
  }

private:
  ring::Reader<Block> blocks_;
  frame::LoanViews views_;
  std::optional<frame::FrameReader<ring::Reader<Block>>> reader_;
};

Sample measure(const Slice& slice, std::size_t bytes) {
  Road there(bytes);
  Road back(bytes);
  Receiver answers(back);
  Receiver questions(there);
  PeerProcess server(slice.server_core, [&] {
    Sender sender(back);
    std::uint64_t number = 0;
    while (number != end_of_run) {
      number = questions.receive(bytes);
      sender.send(number, bytes);
    }
  });
  pin_to(slice.client_core);
  Sender sender(there);
  std::uint64_t number = 0;
  const auto trip = [&](std::uint64_t value) {
    sender.send(value, bytes);
    if (answers.receive(bytes) != value) {
      throw Error(ErrorCode::bad_message, "the answer belongs to another question");
    }
  };
  Sample sample = time_trips(slice, [&] { trip(++number); });
  trip(end_of_run);
  server.join();
  return sample;
}

} // namespace

int main(int argc, char** argv) {
  Experiment experiment("loan_pingpong", parse_options(argc, argv, 2), floor_bounce());
  for (const std::size_t bytes : loan_bytes) {
    experiment.add({.name = "ours",
                    .parameters = {{"bytes", std::to_string(bytes)}},
                    .measure = [bytes](const Slice& slice) { return measure(slice, bytes); }});
    experiment.add(peer_crate("peer_iceoryx2", {.kind = "trip", .transport = "iceoryx2", .bytes = bytes}));
    experiment.add(peer_iceoryx(bytes));
    const std::string suffix = "@bytes=" + std::to_string(bytes);
    for (const char* other : {"floor_bounce", "peer_iceoryx2", "peer_iceoryx"}) {
      experiment.add_ratio("ours", other, RatioKind::time, suffix);
    }
  }
  const auto ours = [](std::size_t bytes) { return "ours@bytes=" + std::to_string(bytes); };
  experiment.add_ratio(ours(loan_bytes.back()), ours(loan_bytes.front()), RatioKind::time);
  return experiment.run();
}
