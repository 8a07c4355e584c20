// Calls whose requests and replies lie in arenas, and the client is killed after each of its instructions: it finds
// room for a request in a free block, in one that comes back, in a larger arena or nowhere, publishes, reads, gives
// back, gives up; and it sends what a dead runner never began to another one. Runners get every request whole and once,
// and have the blocks of what was given back. faults 2, 3, 4, 7, 37, 39.

#include "arena_lane.hpp"
#include "message.hpp"
#include "stepkill.hpp"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

using namespace ringfleet;
using namespace ringfleet::kill;
using namespace ringfleet::call;

namespace {

using Room = ArenaLane::Room;

enum class Deed : std::uint8_t {
  call,                // no call before
  call_in_last_slot,   // behind three that wait
  give_back_and_call,  // three replies are read; both arenas are full
  call_in_new_arena,   // likewise, and nothing is given back
  be_refused,          // likewise, and there is no larger arena: a small one follows
  free_late_and_call,  // three were given up and are answered since
  move_aside_and_call, // four asynchronous ones are answered, and fill the lane
  find_lane_full,      // four wait; one block is free
  give_up_and_call     // two wait, the first one of them is given up
};

struct Shape {
  std::uint64_t position;
  Deed deed;

  // Calls before it: large ones and, behind them, small ones.
  [[nodiscard]] std::uint32_t large() const {
    switch (deed) {
    case Deed::call:
    case Deed::call_in_last_slot: return 0;
    case Deed::move_aside_and_call:
    case Deed::find_lane_full:
    case Deed::give_up_and_call: return 2;
    default: return large_in_arena;
    }
  }
  [[nodiscard]] std::uint32_t small() const {
    switch (deed) {
    case Deed::call_in_last_slot: return 3;
    case Deed::move_aside_and_call:
    case Deed::find_lane_full: return 2;
    default: return 0;
    }
  }
  [[nodiscard]] std::uint32_t before() const { return large() + small(); }
  [[nodiscard]] bool is_answered() const {
    return deed != Deed::call && deed != Deed::call_in_last_slot && deed != Deed::find_lane_full &&
           deed != Deed::give_up_and_call;
  }
};

void expect(bool is_so) {
  if (!is_so) {
    std::abort();
  }
}

class LargeCalling : public World {
public:
  using Memory = ArenaLaneBytes;
  LargeCalling(Memory& memory, const Shape& shape)
      : shape_(shape), lane_(memory, shape.position - shape.before(),
                             shape.deed == Deed::call_in_new_arena ? Room::may_grow : Room::one_arena) {
    const bool are_loose = shape.deed == Deed::move_aside_and_call;
    for (std::uint32_t i = 0; i < shape.before(); ++i) {
      (void)lane_.start(i, i < shape.large() ? large_bytes : small_bytes, are_loose ? Delivery::loose : Delivery::held);
    }
    if (shape.is_answered()) {
      Request request;
      while (lane_.server.poll(request)) {
        (void)lane_.execute(request, request.payload.size() == large_bytes ? Answer::large : Answer::small);
      }
    }
    for (std::uint32_t i = 0; i < shape.before() && shape.deed == Deed::free_late_and_call; ++i) {
      lane_.caller.abandon(first() + i);
    }
  }
  void operate() override {
    switch (shape_.deed) {
    case Deed::give_back_and_call: {
      const auto waited = lane_.caller.wait(first(), 0);
      expect(waited.status == WaitStatus::replied && ArenaLane::is_whole(waited.reply, 0, Answer::large));
      lane_.caller.release(first());
      break;
    }
    case Deed::be_refused:
      expect(lane_.start(shape_.before()).status == StartStatus::no_space);
      (void)lane_.start(shape_.before(), small_bytes);
      return;
    case Deed::find_lane_full:
      for (int tries = 0; tries < 2; ++tries) {
        expect(lane_.start(shape_.before()).status == StartStatus::lane_full);
      }
      return;
    case Deed::give_up_and_call:
      lane_.caller.cancel(first());
      lane_.caller.abandon(first());
      break;
    default: break;
    }
    expect(lane_.start(shape_.before()).status == StartStatus::started);
  }
  void recover() override { lane_.open_arenas(); }
  Verdict verdict() override {
    Verdict verdict;
    verdict.outcome = released() + (lane_.server.is_cancelled(first()) && shape_.before() != 0 ? 1 : 0);
    auto room = large_in_arena - (shape_.is_answered() ? shape_.large() - released() : 0);
    std::uint64_t number = shape_.is_answered() ? shape_.before() : 0;
    Request request;
    while (lane_.server.poll(request) && verdict.wrong.empty()) {
      const bool is_large = request.payload.size() == large_bytes;
      const bool is_small_one =
          shape_.deed == Deed::be_refused || (number >= shape_.large() && number < shape_.before());
      if (!ArenaLane::is_whole(request) || request.method != number || is_large == is_small_one) {
        verdict.wrong = "a request is torn, foreign, missing or there twice";
      }
      const bool has_room = room != 0 || shape_.deed == Deed::call_in_new_arena;
      if (lane_.execute(request) != (has_room ? CallStatus::ok : CallStatus::no_space)) {
        verdict.wrong = has_room ? "what was given back has not come back" : "what is still read was lent again";
      }
      room -= room != 0 ? 1 : 0;
      ++number;
    }
    if (verdict.wrong.empty() && number != shape_.before() && number != shape_.before() + 1) {
      verdict.wrong = "requests are missing, or there twice";
    }
    verdict.outcome += number - shape_.before();
    return verdict;
  }
  std::uint64_t promised() const override {
    switch (shape_.deed) {
    case Deed::find_lane_full: return 0;
    case Deed::give_back_and_call:
    case Deed::move_aside_and_call:
    case Deed::give_up_and_call: return 2;
    case Deed::free_late_and_call: return 1 + large_in_arena;
    default: return 1;
    }
  }

private:
  [[nodiscard]] std::uint64_t first() const { return shape_.position - shape_.before(); }
  // Replies in the arena that were given back.
  std::uint32_t released() {
    std::uint32_t count = 0;
    for (std::uint32_t i = 0; i < shape_.before(); ++i) {
      count += lane_.server.protocol().is_released(first() + i) ? 1 : 0;
    }
    return count;
  }

  Shape shape_;
  ArenaLane lane_;
};

// Where the calls go that the runner of a lane has left: answered, begun, queued, and queued in its slot.
enum class Elsewhere : std::uint8_t {
  has_room,
  may_grow,    // its arena is full, and one slot is left
  has_no_arena // likewise, and there will be no other arena: what lies in a slot moves
};

class MovingOn : public World {
public:
  struct Memory {
    ArenaLaneBytes first;
    ArenaLaneBytes second;
  };
  MovingOn(Memory& memory, std::uint64_t position, Elsewhere elsewhere)
      : position_(position), elsewhere_(elsewhere), lane_(memory.first, position),
        other_(memory.second, position, elsewhere == Elsewhere::may_grow ? Room::may_grow : Room::one_arena) {
    for (std::uint32_t i = 0; i < calls(); ++i) {
      (void)lane_.start(i, i < large_in_arena ? large_bytes : small_bytes);
    }
    Request request;
    (void)lane_.server.poll(request);
    (void)lane_.execute(request);
    (void)lane_.server.poll(request);
    lane_.server.start(0, request.position, request.deadline);
    for (const auto number : before()) {
      (void)other_.start(number);
    }
  }
  void operate() override {
    lane_.caller.mark_dead();
    for (auto position = position_; position != position_ + calls(); ++position) {
      switch (lane_.caller.fate(position)) {
      case Fate::replied:
        expect(ArenaLane::is_whole(lane_.caller.wait(position, 0).reply, 0, Answer::large));
        lane_.caller.release(position);
        break;
      case Fate::started: lane_.caller.abandon(position); break;
      case Fate::queued: (void)lane_.move_on(position, other_); break;
      }
    }
  }
  void recover() override { other_.open_arenas(); }
  Verdict verdict() override {
    std::vector<std::uint32_t> got;
    Request request;
    while (other_.server.poll(request)) {
      if (!ArenaLane::is_whole(request)) {
        return {"a request is torn or foreign", 0};
      }
      got.push_back(request.method);
      (void)other_.execute(request, Answer::small);
    }
    auto expected = before();
    const auto there = expected.size();
    const auto moving = that_move();
    expected.insert(expected.end(), moving.begin(), moving.end());
    if (got.size() < there || got.size() > expected.size() || !std::equal(got.begin(), got.end(), expected.begin())) {
      return {"a call moved that was begun or answered, or did not move once and in order", 0};
    }
    return {"", got.size() - there};
  }
  std::uint64_t promised() const override { return that_move().size(); }

private:
  [[nodiscard]] std::uint32_t calls() const { return elsewhere_ == Elsewhere::may_grow ? 3 : 4; }
  // What the other runner has from its own calls, and what may come to it.
  [[nodiscard]] std::vector<std::uint32_t> before() const {
    return elsewhere_ == Elsewhere::has_room ? std::vector<std::uint32_t>{} : std::vector<std::uint32_t>{100, 101, 102};
  }
  [[nodiscard]] std::vector<std::uint32_t> that_move() const {
    switch (elsewhere_) {
    case Elsewhere::has_room: return {2, 3};
    case Elsewhere::may_grow: return {2};
    case Elsewhere::has_no_arena: return {3};
    }
    return {};
  }

  std::uint64_t position_;
  Elsewhere elsewhere_;
  ArenaLane lane_;
  ArenaLane other_;
};

std::vector<Scenario> scenarios() {
  std::vector<Scenario> all;
  for (const std::uint64_t phase : {0U, 1U}) {
    for (const auto& place : places(arena_lane_shape.slots, phase)) {
      const auto add = [&](const char* what, Deed deed) {
        all.push_back(scenario_of<LargeCalling>(fmt::format("{}, {}", what, place.name), Shape{place.position, deed}));
      };
      add("call", Deed::call);
      add("call in the last slot", Deed::call_in_last_slot);
      add("give back and call", Deed::give_back_and_call);
      add("call in a new arena", Deed::call_in_new_arena);
      add("be refused, call", Deed::be_refused);
      add("free what was answered late and call", Deed::free_late_and_call);
      add("move a reply aside and call", Deed::move_aside_and_call);
      add("give up and call", Deed::give_up_and_call);
      if (phase == 0) {
        add("find the lane full", Deed::find_lane_full);
      }
      const auto add_move = [&](const char* what, Elsewhere elsewhere) {
        all.push_back(scenario_of<MovingOn>(fmt::format("{}, {}", what, place.name), place.position, elsewhere));
      };
      add_move("move on to another runner", Elsewhere::has_room);
      add_move("move on into a new arena", Elsewhere::may_grow);
      add_move("move on where there is no arena", Elsewhere::has_no_arena);
    }
  }
  return all;
}

} // namespace

int main(int argc, char** argv) {
  return stepkill_main(argc, argv, "stepkill_large_call", scenarios(), {.recoveries_max = 1, .one_of = 3});
}
