// A scheduler that says anything to a runner: messages in any order, with segments that fit and such that do not, into
// the runner's control thread, while its module makes calls that may not wait. A lane that cannot be is reported, and
// the runner goes on; each call ends.

#include "input.hpp"
#include "ringfleet/call/handshake.hpp"
#include "ringfleet/call/lane_segment.hpp"
#include "ringfleet/os/memory_file.hpp"

#include "../../runner/command_queue.hpp"
#include "../../runner/control_loop.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

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

// The module calls another one, and its time is over: so it asks, finds the answer of an earlier message, calls on a
// lane that is open, gives up. What fits a slot, for an arena would be waited for.
void call_out(runner::NestedCalls& nested, Input& input) {
  const std::array modules{"m", "n"};
  runner::OutgoingCall request{.module = modules[input.take<std::uint8_t>() % modules.size()],
                               .method = "again",
                               .args = input.take_bytes(input.take<std::uint8_t>() % (small.slot_bytes + 1)),
                               .deadline = 1};
  const auto depth = input.take<std::uint8_t>() % (request.chain.size() + 1);
  for (std::size_t i = 0; i < depth; ++i) {
    request.chain[i] = static_cast<std::uint16_t>(i + 1);
  }
  runner::Outgoing::Reply reply{};
  (void)nested.call(request, reply);
}

// One message: small numbers, what lies beside it. The numbers of a lane as they should be, unless they are its own.
ControlMessage next_message(ControlType type, Input& input) {
  ControlMessage message;
  message.type = type;
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
  } else if (message.type == ControlType::subscribed) {
    message.a = 7;
    message.text = numbers % 2 == 0 ? "m" : "n";
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
  // With its own numbers and a text.
  Seed& add_text(ControlType type, Passed passed, std::string_view text) {
    add(type, passed, 0x80);
    maker_.add(std::uint64_t{0}).add(std::uint64_t{0}).add(static_cast<std::uint8_t>(text.size())).add_text(text);
    return *this;
  }
  Seed& call(std::uint8_t module, std::uint8_t depth = 0) {
    maker_.add(static_cast<std::uint8_t>(types.size())).add(module).add(std::uint8_t{4}).add_text("args").add(depth);
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
    const auto step = input.take<std::uint8_t>() % (types.size() + 1);
    if (step == types.size()) {
      call_out(nested, input);
    } else {
      auto message = next_message(types[step], input);
      loop.handle(message);
    }
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
  Seed calls;
  calls.call(0).call(0, 1).add(ControlType::subscribed, nothing, 0).call(0).call(0, 7).call(1, 99);
  calls.add(ControlType::lane_offer_client, requests, 2).call(0).add(ControlType::lane_open_client, sealed_replies, 2);
  for (int i = 0; i < 6; ++i) {
    calls.call(0); // more than there are slots
  }
  calls.add(ControlType::refused, nothing, 0).call(1).add(ControlType::runner_died, nothing, 3).call(0).call(1);
  Seed replaced; // lanes and arenas that are there already
  replaced.add(ControlType::lane_offer, replies, 1).add(ControlType::lane_offer, replies, 1);
  replaced.add(ControlType::lane_open, sealed_requests, 1).add(ControlType::lane_open, sealed_requests, 1);
  replaced.add(ControlType::arena_offer, arena, 1, 1).add(ControlType::arena_ready, nothing, 1, 1);
  replaced.add(ControlType::arena_offer, arena, 1, 1).add(ControlType::arena_refused, nothing, 1);
  replaced.add(ControlType::lane_offer_client, requests, 2).add(ControlType::lane_offer_client, requests, 2);
  replaced.add(ControlType::lane_open, sealed_requests, 3).add(ControlType::lane_retired, nothing, 2);
  Seed loads;
  const auto request =
      call::encode(call::LoadRequest{.module = "m", .number = 1, .name = "m.so", .config = "{}", .directory = "/"});
  loads.add_text(ControlType::load, some_file, request).add_text(ControlType::load, nothing, request);
  loads.add_text(ControlType::load, some_file, "");
  loads.add(ControlType::probe, nothing, 0).add(ControlType::drain, nothing, 0);
  return {served.make(), arenas.make(), wrong.make(), calls.make(), replaced.make(), loads.make()};
}
