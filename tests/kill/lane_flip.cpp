// The handles of call lanes and route epochs beside a side that changes its words after each of their instructions: a
// runner that parks and serves two clients, one of them hostile; a client of a hostile runner that waits for replies
// and for a slot; clients inside the epochs of a hostile route, and a scheduler that looks at a hostile client's. The
// other client is answered as ever. fault 21.

#include "flip.hpp"
#include "flip_atomics.hpp"
#include "flip_route.hpp"
#include "ringfleet/call/caller_lane_impl.hpp"
#include "ringfleet/call/server_lane_impl.hpp"
#include "ringfleet/call/server_park_impl.hpp"
#include "ringfleet/fleet/epoch.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <vector>

using namespace ringfleet;
using namespace ringfleet::kill;
using namespace ringfleet::call;

namespace {

using A = ParkingAtomics;
constexpr LaneShape shape{.slots = 4, .slot_bytes = 64};
constexpr std::uint64_t first = (std::uint64_t{1} << 32) - 2;
constexpr std::size_t arena_bytes = 1'024;
constexpr std::size_t large_bytes = 128; // in an arena
MonotonicNs soon() {
  return deadline_after(monotonic_now(), std::chrono::microseconds(20));
}

// Both sides of one lane, each with an arena.
struct Lane {
  Lane() {
    (void)caller.add_arena(requests.bytes());
    (void)server.open_request_arena(1, requests.bytes());
    (void)server.add_arena(replies.bytes());
    (void)caller.open_reply_arena(1, replies.bytes());
  }

  Guarded client{client_body_bytes(shape)};
  Guarded runner{runner_body_bytes(shape)};
  Guarded requests{arena_bytes};
  Guarded replies{arena_bytes};
  BasicServerLane<A> server{shape, runner.bytes(), client.bytes(), {}, first};
  BasicCallerLane<A> caller{shape, client.bytes(), runner.bytes(), {}, first};
};

// What a call of this number sends, and what is answered.
std::array<std::byte, large_bytes> bytes_of(std::uint32_t number) {
  std::array<std::byte, large_bytes> bytes;
  bytes.fill(static_cast<std::byte>(number * 29 + 3));
  return bytes;
}
std::size_t length_of(std::uint32_t number) {
  return number % 2 == 0 ? 40 : large_bytes;
}

class Serving final : public Victim {
public:
  Serving() {
    park_.add(hostile_.server);
    park_.add(honest_.server);
    for (std::uint32_t number = 0; number < shape.slots; ++number) {
      (void)call(hostile_, number);
    }
    call_all();
  }
  std::vector<Field> fields() override {
    std::vector<Field> fields;
    for (std::uint64_t i = 0; i < shape.slots; ++i) {
      auto& request = hostile_.client.at<RequestHeader>(request_offset(shape, first + i));
      auto& cold = hostile_.client.at<ColdLine>(cold_offset(shape, first + i));
      fields.insert(fields.end(), {request.stamp, request.deadline_ns, request.payload, request.method,
                                   request.payload_bytes, cold.awaited, cold.released, cold.cancel});
    }
    return fields;
  }
  std::string read() override {
    park_.wait(park_.control_value(), soon());
    auto wrong = serve(hostile_);
    return wrong.empty() ? serve(honest_) : wrong;
  }
  std::string others(bool /*in_peace*/) override {
    for (const auto& [number, position] : calls_) {
      const auto waited = honest_.caller.wait(position, 0);
      const auto bytes = bytes_of(number);
      if (waited.status != WaitStatus::replied ||
          !std::ranges::equal(waited.reply.bytes, std::span(bytes).first(length_of(number)))) {
        return "an honest client does not get its own answer";
      }
      honest_.caller.release(position);
    }
    call_all();
    return {};
  }

private:
  static Started call(Lane& lane, std::uint32_t number) {
    const auto bytes = bytes_of(number);
    return lane.caller.start({.method = number, .deadline = never, .chain = {}},
                             std::span(bytes).first(length_of(number)), Delivery::held, 0);
  }
  void call_all() {
    calls_.clear();
    for (std::uint64_t i = 0; i < shape.slots; ++i, ++number_) {
      calls_.emplace_back(number_, call(honest_, number_).position);
    }
  }
  // A client that writes its stamps fast enough may have as many calls as it likes; here it has a lap of them.
  std::string serve(Lane& lane) {
    Request request;
    for (std::uint64_t taken = 0; taken < shape.slots && lane.server.poll(request); ++taken) {
      sum_ += touch(request.payload);
      if (!request.payload.empty() && !lane.client.holds(request.payload) && !lane.requests.holds(request.payload)) {
        return "a payload in foreign memory";
      }
      if (lane.server.is_cancelled(request.position)) {
        lane.server.reply(request.position, CallStatus::cancelled);
        continue;
      }
      lane.server.start(0, request.position, request.deadline);
      const auto bytes = bytes_of(request.method);
      const auto buffer = lane.server.reply_buffer(request.position, length_of(request.method));
      if (buffer.status == CallStatus::ok) {
        std::ranges::copy(std::span(bytes).first(length_of(request.method)), buffer.bytes.begin());
      }
      lane.server.reply(request.position, buffer.status, 0,
                        buffer.status == CallStatus::ok ? static_cast<std::uint32_t>(length_of(request.method)) : 0);
      lane.server.finish(0);
    }
    return {};
  }

  Lane hostile_;
  Lane honest_;
  std::uint32_t control_ = 0;
  BasicServerPark<A> park_{control_};
  std::uint32_t number_ = 0;
  std::vector<std::pair<std::uint32_t, std::uint64_t>> calls_; // of the honest client
  std::uint64_t sum_ = 0;
};

// More calls than the lane has slots, and a runner that answers, takes back, closes and opens as it likes.
class Calling final : public Victim {
public:
  std::vector<Field> fields() override {
    auto& control = lane_.runner.at<LaneControl>();
    std::vector<Field> fields{control.closed, control.closed_bell, control.server_awaits};
    for (std::uint64_t i = 0; i < shape.slots; ++i) {
      auto& reply = lane_.runner.at<ReplyHeader>(reply_offset(shape, first + i));
      fields.insert(fields.end(), {reply.stamp, reply.payload, reply.status, reply.payload_bytes});
    }
    return fields;
  }
  std::string read() override {
    for (std::uint32_t number = 0; number <= shape.slots; ++number) {
      const auto bytes = bytes_of(number);
      const auto started = lane_.caller.start({.method = number, .deadline = never, .chain = {}},
                                              std::span(bytes).first(length_of(number)), Delivery::held, soon());
      if (started.status != StartStatus::started) {
        continue;
      }
      const auto waited = lane_.caller.wait(started.position, soon());
      if (waited.status != WaitStatus::replied) {
        lane_.caller.abandon(started.position);
        continue;
      }
      sum_ += touch(waited.reply.bytes);
      const bool is_inside = lane_.runner.holds(waited.reply.bytes) || lane_.replies.holds(waited.reply.bytes);
      if (!waited.reply.bytes.empty() && !is_inside) {
        return "a reply in foreign memory";
      }
      lane_.caller.release(started.position);
    }
    return {};
  }

private:
  Lane lane_;
  std::uint64_t sum_ = 0;
};

// A client of a scheduler gone wrong goes into an epoch, picks its runners, and leaves.
class Entering final : public Victim {
public:
  std::vector<Field> fields() override { return route_.fields(); }
  std::string read() override {
    auto& line = page_.at<fleet::EpochLayout>().lines[limits::epoch_lines - 1];
    const auto reader = route_.reader();
    {
      const fleet::EpochSection<> inside(line, reader);
      if (auto wrong = AttackedRoute::look_up(reader, inside.epoch()); !wrong.empty()) {
        return wrong;
      }
      if (line.inside != inside.epoch()) {
        return "a client is in another epoch than it says";
      }
    }
    return line.inside == 0 ? "" : "a client has left and is inside";
  }

private:
  AttackedRoute route_;
  Guarded page_{sizeof(fleet::EpochLayout)};
};

// A scheduler that waits until nobody is inside: what one client says of itself says nothing of another one.
class Draining final : public Victim {
public:
  Draining() { honest_.at<fleet::EpochLayout>().lines[limits::epoch_lines - 1].inside = 7; }
  std::vector<Field> fields() override {
    auto& lines = hostile_.at<fleet::EpochLayout>().lines;
    return {lines[0].inside, lines[1].inside, lines[limits::epoch_lines - 1].inside};
  }
  std::string read() override {
    const fleet::EpochPage<> hostile(hostile_.at<fleet::EpochLayout>());
    const fleet::EpochPage<> honest(honest_.at<fleet::EpochLayout>());
    sum_ += hostile.inside_before(8) ? 1 : 0;
    return honest.inside_before(8) && !honest.inside_before(7) ? "" : "an honest client is where it is not";
  }

private:
  Guarded hostile_{sizeof(fleet::EpochLayout)};
  Guarded honest_{sizeof(fleet::EpochLayout)};
  std::uint64_t sum_ = 0;
};

template <class V>
Attack attack_on(std::string name, std::uint64_t instructions_each, bool never_rests) {
  return {.name = std::move(name),
          .make = [] { return std::make_unique<V>(); },
          .instructions_each = instructions_each,
          .never_rests = never_rests};
}

} // namespace

int main(int argc, char** argv) {
  return flip_main(argc, argv, "flip_lane",
                   {attack_on<Serving>("a runner that serves a hostile client", 50'000, true),
                    attack_on<Calling>("a client that calls a hostile runner", 50'000, true),
                    attack_on<Entering>("a client inside a hostile route", 5'000, false),
                    attack_on<Draining>("a scheduler that waits for a hostile client", 5'000, true)},
                   15'000);
}
