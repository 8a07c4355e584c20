// A client's half of a lane that says anything, under the runner: requests and releases, changed between the looks.
// What a module is given lies in the lane or in an open arena, and the runner's own books stay in order.

#include "input.hpp"
#include "ringfleet/call/server_lane.hpp"

using namespace ringfleet;
using namespace ringfleet::call;
using namespace ringfleet::fuzz;

namespace {

constexpr LaneShape small{4, 64, 2};
constexpr std::size_t arena_bytes = 1 << 12;

enum Step : std::uint8_t { scribbled, request, poll, reply, ask, steps };

struct RequestWords {
  std::uint8_t arena;
  std::uint8_t high;
  std::uint16_t offset;
  std::uint16_t bytes;
};

class Lane {
public:
  Lane()
      : requests_(client_body_bytes(small)), replies_(runner_body_bytes(small)), request_arena_(arena_bytes),
        reply_arena_(arena_bytes), server_(small, replies_.span(), requests_.span(), {WaitMode::spin, {}}) {
    server_.add_arena(reply_arena_.span());
    (void)server_.open_request_arena(1, request_arena_.span());
  }
  [[nodiscard]] std::span<std::byte> requests() const { return requests_.span(); }

  // The next one, as a client would publish it, of whatever shape.
  void put(const RequestWords& words) {
    const auto next = server_.protocol().next();
    auto& header = *reinterpret_cast<RequestHeader*>(requests_.span().data() + request_offset(small, next));
    header.payload =
        words.arena == 0 ? 0 : std::uint64_t{words.arena} << 56 | std::uint64_t{words.high} << 44 | words.offset;
    header.payload_bytes = words.bytes;
    header.method = words.high;
    header.stamp = next + 1;
  }
  void poll_one() {
    Request taken;
    if (!is_taken_ && server_.poll(taken)) {
      touch(taken.payload);
      require(lies_in(taken.payload, requests_.span()) || lies_in(taken.payload, request_arena_.span()),
              "a request lies in the lane or in an arena");
      server_.start(1, taken.position, taken.deadline);
      position_ = taken.position;
      is_taken_ = true;
    }
  }
  void reply_one(std::uint16_t bytes) {
    if (!is_taken_) {
      return;
    }
    const auto buffer = server_.reply_buffer(position_, bytes % 5'000);
    if (buffer.status == CallStatus::ok) {
      require(buffer.bytes.size() >= bytes % 5'000, "room for what was asked for");
      require(lies_in(buffer.bytes, replies_.span()) || lies_in(buffer.bytes, reply_arena_.span()),
              "a reply is written into the runner's own memory");
      std::memset(buffer.bytes.data(), 0x5a, bytes % 5'000);
      server_.reply(position_, CallStatus::ok, 0, bytes % 5'000);
    } else {
      server_.reply(position_, buffer.status);
    }
    server_.finish(1);
    is_taken_ = false;
    require(server_.arena_used_bytes() <= arena_bytes, "no more is used than there is");
  }
  void ask() const { (void)server_.is_cancelled(position_); }

private:
  ExactMemory requests_;
  ExactMemory replies_;
  ExactMemory request_arena_;
  ExactMemory reply_arena_;
  ServerLane server_;
  std::uint64_t position_ = 0;
  bool is_taken_ = false;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  Lane lane;
  while (!input.empty()) {
    switch (input.take<std::uint8_t>() % steps) {
    case scribbled: scribble(lane.requests(), input); break;
    case request: lane.put(input.take<RequestWords>()); break;
    case poll: lane.poll_one(); break;
    case reply: lane.reply_one(input.take<std::uint16_t>()); break;
    default: lane.ask(); break;
    }
  }
  return 0;
}

std::vector<Bytes> ringfleet::fuzz::seeds() {
  InputMaker input;
  for (const auto& words : {RequestWords{0, 0, 0, 64}, RequestWords{1, 0, 64, 500}, RequestWords{0, 0, 0, 65},
                            RequestWords{1, 0, 4'090, 6}, RequestWords{1, 9, 0, 1}, RequestWords{2, 0, 0, 1}}) {
    input.add(request).add(words).add(poll).add(ask).add(reply).add(std::uint16_t(words.bytes * 3));
    // As if the reply had been read.
    input.add(scribbled).add(std::uint8_t{3}).add(std::uint16_t{520}).add(std::uint64_t{1});
  }
  return {input.make()};
}
