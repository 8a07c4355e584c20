// A runner's half of a lane that says anything, under the caller: replies, `closed` and progress, changed between the
// looks, and at the end the fate of every call. What a caller gets lies in the lane or in an open arena.

#include "input.hpp"
#include "ringfleet/call/caller_lane.hpp"
#include "ringfleet/call/server_lane.hpp"

#include <map>

using namespace ringfleet;
using namespace ringfleet::call;
using namespace ringfleet::fuzz;

namespace {

constexpr LaneShape small{4, 64, 2};
constexpr std::size_t arena_bytes = 1 << 12;

enum Step : std::uint8_t { scribbled, start, wait, abandon, collect, serve, cancel, steps };

class Lane {
public:
  Lane()
      : requests_(client_body_bytes(small)), replies_(runner_body_bytes(small)), request_arena_(arena_bytes),
        reply_arena_(arena_bytes), server_(small, replies_.span(), requests_.span(), {WaitMode::spin, {}}),
        caller_(small, requests_.span(), replies_.span(), {WaitMode::spin, nullptr, {}}) {
    caller_.add_arena(request_arena_.span());
    server_.add_arena(reply_arena_.span());
    (void)caller_.open_reply_arena(1, reply_arena_.span());
    (void)server_.open_request_arena(1, request_arena_.span());
  }

  // Headers, control and progress; what lies between is nobody's.
  void scribble_somewhere(Input& input) {
    const auto where = input.take<std::uint8_t>() % (small.slots + 2);
    const auto part = where < small.slots    ? replies_.span().subspan(reply_offset(small, where), sizeof(ReplyHeader))
                      : where == small.slots ? replies_.span().first(sizeof(LaneControl))
                                             : replies_.span().subspan(progress_offset, 2 * sizeof(Progress));
    scribble(part, input);
  }
  void start_call(Input& input) {
    if (is_patience_over()) {
      return;
    }
    const std::vector<std::byte> payload(input.take<std::uint16_t>() % 900);
    const bool is_loose = payload.size() % 2 != 0;
    const auto started = caller_.start({.method = 1}, payload, is_loose ? Delivery::loose : Delivery::held, 1);
    vain_ += started.status == StartStatus::lane_full;
    if (started.status == StartStatus::started) {
      require(!calls_.contains(started.position), "a position is given out once");
      calls_.emplace(started.position, is_loose);
    }
  }
  // An honest answer in between, as long as the request.
  void serve_one() {
    Request request;
    if (server_.poll(request)) {
      server_.start(0, request.position, request.deadline);
      const auto buffer = server_.reply_buffer(request.position, request.payload.size());
      server_.reply(request.position, buffer.status, 0,
                    static_cast<std::uint32_t>(buffer.status == CallStatus::ok ? request.payload.size() : 0));
      server_.finish(0);
    }
  }
  void end_call(Input& input, bool waits) {
    if (calls_.empty()) {
      return;
    }
    const auto call =
        std::next(calls_.begin(), input.take<std::uint8_t>() % static_cast<std::ptrdiff_t>(calls_.size()));
    const auto [position, is_loose] = *call;
    if (!waits || (!is_stamped(position) && is_patience_over())) {
      is_loose ? caller_.abandon_loose(position) : caller_.abandon(position);
      calls_.erase(call);
      return;
    }
    const auto waited = is_loose ? caller_.collect(position, 1) : caller_.wait(position, 1);
    require(waited.status != WaitStatus::taken, "nobody else takes a call");
    if (waited.status == WaitStatus::replied) {
      check(waited);
      if (!waited.moved) {
        caller_.release(position);
      }
    } else {
      vain_ += waited.status == WaitStatus::timed_out;
      if (!waited.moved) { // else the slot is another call's
        caller_.abandon(position);
      }
    }
    calls_.erase(call);
  }
  void cancel_one(Input& input) {
    if (!calls_.empty()) {
      caller_.cancel(
          std::next(calls_.begin(), input.take<std::uint8_t>() % static_cast<std::ptrdiff_t>(calls_.size()))->first);
    }
  }
  // The runner is dead: each call that is left has a fate, and its reply, if there is one, can be read.
  void die() {
    caller_.mark_dead();
    for (const auto& [position, is_loose] : calls_) {
      const auto fate = caller_.fate(position);
      require(fate <= call::Fate::replied, "a fate");
      if (is_stamped(position) || !is_patience_over()) {
        const auto waited = is_loose ? caller_.collect(position, 1) : caller_.wait(position, 1);
        if (waited.status == WaitStatus::replied) {
          check(waited);
        }
      }
    }
  }

private:
  [[nodiscard]] bool is_stamped(std::uint64_t position) const {
    std::uint64_t stamp = 0;
    std::memcpy(&stamp, replies_.span().data() + reply_offset(small, position), sizeof stamp);
    return stamp == position + 1;
  }
  // A wait in vain spins and yields for a while, which takes its time on a machine with much to do.
  [[nodiscard]] bool is_patience_over() const { return vain_ > 3; }
  void check(const Waited& waited) const {
    require(static_cast<std::uint32_t>(waited.reply.status) < call_status_count, "a status that exists");
    touch(waited.reply.bytes);
    require(waited.moved || lies_in(waited.reply.bytes, replies_.span()) ||
                lies_in(waited.reply.bytes, reply_arena_.span()),
            "a reply lies in the lane or in an arena");
  }

  ExactMemory requests_;
  ExactMemory replies_;
  ExactMemory request_arena_;
  ExactMemory reply_arena_;
  ServerLane server_;
  CallerLane caller_;
  std::map<std::uint64_t, bool> calls_; // position → loose
  int vain_ = 0;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  Lane lane;
  while (!input.empty()) {
    switch (input.take<std::uint8_t>() % steps) {
    case scribbled: lane.scribble_somewhere(input); break;
    case start: lane.start_call(input); break;
    case serve: lane.serve_one(); break;
    case abandon: lane.end_call(input, false); break;
    case cancel: lane.cancel_one(input); break;
    default: lane.end_call(input, true); break;
    }
  }
  lane.die();
  return 0;
}

std::vector<Bytes> ringfleet::fuzz::seeds() {
  const auto call = [](InputMaker& input, std::uint16_t bytes) {
    input.add(start).add(bytes).add(serve).add(wait).add(std::uint8_t{0});
  };
  InputMaker honest;
  for (const int bytes : {0, 24, 25, 500, 501, 899}) {
    call(honest, static_cast<std::uint16_t>(bytes));
  }
  InputMaker full;
  for (std::uint16_t i = 0; i < 6; ++i) {
    full.add(start).add(std::uint16_t(i * 101)).add(serve);
  }
  InputMaker wild;
  for (std::uint8_t i = 0; i < 6; ++i) {
    wild.add(start).add(std::uint16_t{300}).add(serve).add(scribbled).add(i).add(std::uint8_t{0x43});
    wild.add(std::uint16_t{8}).add(std::uint64_t{1} << 56).add(wait).add(std::uint8_t{0});
  }
  return {honest.make(), full.make(), wild.make()};
}
