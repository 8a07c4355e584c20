// A scheduler that says anything to a runner: messages in any order, with segments that fit and such that do not, into
// the runner's control thread. A lane that cannot be is reported, and the runner goes on.

#include "input.hpp"
#include "ringfleet/call/lane_segment.hpp"
#include "ringfleet/os/memory_file.hpp"

#include "../../runner/command_queue.hpp"
#include "../../runner/control_loop.hpp"

#include <array>
#include <string>

#include <unistd.h>

using namespace ringfleet;
using namespace ringfleet::fuzz;
using call::ControlMessage;
using call::ControlType;

namespace {

constexpr call::LaneShape small{4, 64, 1};

constexpr std::array types = {ControlType::load,
                              ControlType::probe,
                              ControlType::drain,
                              ControlType::lane_offer,
                              ControlType::lane_open,
                              ControlType::lane_drop,
                              ControlType::arena_offer,
                              ControlType::arena_open,
                              ControlType::arena_ready,
                              ControlType::arena_refused,
                              ControlType::subscribed,
                              ControlType::refused,
                              ControlType::lane_offer_client,
                              ControlType::lane_open_client,
                              ControlType::runner_died,
                              ControlType::lane_retired,
                              ControlType::lane_closed,
                              ControlType::route_changed,
                              ControlType::request};

enum Passed : std::uint8_t {
  nothing,
  requests,
  replies,
  arena,
  sealed_requests,
  sealed_replies,
  sealed_arena,
  some_file,
  passed_kinds
};

// What a descriptor beside a message is.
os::Descriptor make_descriptor(Passed what) {
  const auto segment = [&](const memory::SegmentSpec& spec, bool sealed) {
    auto file = memory::create_anonymous_segment("fuzz", spec);
    if (sealed) {
      memory::seal_segment(file, "fuzz");
    }
    return file;
  };
  const memory::SegmentSpec arena_spec{.kind = memory::SegmentKind::arena, .body_bytes = 4'096};
  switch (what) {
  case requests:
  case sealed_requests:
    return segment(call::lane_segment_spec(memory::SegmentKind::requests, small, 1), what == sealed_requests);
  case replies:
  case sealed_replies:
    return segment(call::lane_segment_spec(memory::SegmentKind::replies, small, 1), what == sealed_replies);
  case arena:
  case sealed_arena: return segment(arena_spec, what == sealed_arena);
  default: return os::create_memory_file("fuzz", 5'000);
  }
}

// One message: its type, small numbers, what lies beside it. `fits`: the numbers of a lane as it should be.
ControlMessage next_message(Input& input) {
  ControlMessage message;
  message.type = types[input.take<std::uint8_t>() % types.size()];
  const auto passed = static_cast<Passed>(input.take<std::uint8_t>() % passed_kinds);
  const auto numbers = input.take<std::uint8_t>();
  message.a = numbers % 4;
  message.b = input.take<std::uint8_t>();
  if ((numbers & 0x80) == 0 && message.type == ControlType::lane_offer) {
    message.b = small.slots;
    message.c = small.slot_bytes;
    message.d = small.workers;
  } else if ((numbers & 0x80) == 0 && message.type == ControlType::lane_offer_client) {
    message.b = small.slots | std::uint64_t{7} << 32;
    message.c = small.slot_bytes;
    message.d = 3;
  } else if ((numbers & 0x80) != 0) {
    message.c = input.take<std::uint64_t>();
    message.d = input.take<std::uint64_t>();
    message.text = input.take_text(input.take<std::uint8_t>());
  }
  if (passed != nothing) {
    message.descriptors.push_back(make_descriptor(passed));
  }
  return message;
}

class Seed {
public:
  Seed& add(ControlType type, Passed passed, std::uint8_t lane, std::uint8_t number = 0) {
    const auto index = static_cast<std::uint8_t>(std::find(types.begin(), types.end(), type) - types.begin());
    maker_.add(index).add(passed).add(lane).add(number);
    return *this;
  }
  [[nodiscard]] Bytes make() const { return maker_.make(); }

private:
  InputMaker maker_;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  auto [near, far] = os::Socket::pair();
  call::ControlChannel channel(std::move(near));
  call::ControlChannel scheduler(std::move(far));
  runner::CommandQueue commands;
  runner::NestedCalls nested(channel);
  runner::ControlLoop loop(channel, commands, nested);
  for (int messages = 0; !input.empty() && messages < 64; ++messages) {
    auto message = next_message(input);
    loop.handle(message);
    ControlMessage answer;
    while (scheduler.receive(answer) == os::SocketStatus::ok) {
      require(call::to_string(answer.type) != "unknown", "a runner answers what there is");
    }
    while (commands.pop()) {
    }
  }
  return 0;
}

std::vector<Bytes> ringfleet::fuzz::seeds() {
  Seed served;
  served.add(ControlType::lane_offer, replies, 1).add(ControlType::lane_open, sealed_requests, 1);
  Seed client;
  client.add(ControlType::lane_offer_client, requests, 2).add(ControlType::lane_open_client, sealed_replies, 2);
  Seed arenas = client;
  for (std::uint8_t number = 1; number <= 18; ++number) {
    served.add(ControlType::arena_offer, arena, 1, number).add(ControlType::arena_ready, nothing, 1, number);
    served.add(ControlType::arena_open, sealed_arena, 1, number);
    arenas.add(ControlType::arena_offer, arena, 2, number).add(ControlType::arena_ready, nothing, 2, number);
    arenas.add(ControlType::arena_open, sealed_arena, 2, number);
  }
  served.add(ControlType::lane_drop, nothing, 1).add(ControlType::lane_drop, nothing, 1);
  arenas.add(ControlType::arena_refused, nothing, 2).add(ControlType::runner_died, nothing, 3);
  arenas.add(ControlType::lane_retired, nothing, 2).add(ControlType::subscribed, nothing, 0);
  Seed wrong;
  for (const auto type : types) {
    wrong.add(type, some_file, 1, 1);
  }
  return {served.make(), arenas.make(), wrong.make()};
}
