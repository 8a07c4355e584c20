// Calls whose requests and replies lie in arenas, and the runner is killed after each of its instructions: it opens a
// request, finds room for a reply in blocks that came back, in a larger arena or nowhere, replies, closes. What the
// caller still reads stays whole, every call ends once, and what was not begun is served by another runner.
// faults 2, 5, 7, 37, 39.

#include "arena_lane.hpp"
#include "message.hpp"
#include "stepkill.hpp"

#include <array>
#include <optional>
#include <string>
#include <vector>

using namespace ringfleet;
using namespace ringfleet::kill;
using namespace ringfleet::call;

namespace {

using Room = ArenaLane::Room;

// Of the calls in the lane the oldest are given back, then come those whose replies the caller still reads, the one
// of the operation, and those behind it.
struct Shape {
  std::uint64_t position;
  std::uint32_t returned = 0;
  std::uint32_t held = 0;
  std::uint32_t pending = 0;
  Answer answer = Answer::large;
  Room room = Room::one_arena;
  bool closes = false;

  [[nodiscard]] std::uint32_t before() const { return returned + held; }
  [[nodiscard]] bool has_room() const {
    const std::uint32_t lines = answer == Answer::grown ? 6 : answer == Answer::small ? 0 : 4;
    return room == Room::may_grow || held * 4 + lines <= large_in_arena * 4;
  }
};

class LargeServing : public World {
public:
  struct Memory {
    ArenaLaneBytes first;
    ArenaLaneBytes second;
  };
  LargeServing(Memory& memory, const Shape& shape)
      : shape_(shape), lane_(memory.first, shape.position - shape.before(), shape.room),
        other_(memory.second, shape.position) {
    for (std::uint32_t i = 0; i < shape.before(); ++i) {
      (void)lane_.start(i, small_bytes);
    }
    (void)lane_.serve_all();
    for (std::uint32_t i = 0; i < shape.before(); ++i) {
      const auto position = shape.position - shape.before() + i;
      const auto waited = lane_.caller.wait(position, 0);
      if (i < shape.returned) {
        lane_.caller.release(position);
      } else {
        read_.push_back(waited.reply);
      }
    }
    for (std::uint32_t i = 0; i < 1 + shape.pending; ++i) {
      (void)lane_.start(shape.before() + i, i < 2 ? large_bytes : small_bytes);
    }
  }
  void operate() override {
    Request request;
    if (lane_.server.poll(request) && ArenaLane::is_whole(request)) {
      (void)lane_.execute(request, shape_.answer);
    }
    if (shape_.closes) {
      (void)lane_.server.close();
    }
  }
  void recover() override {
    lane_.open_arenas();
    lane_.caller.mark_dead();
  }
  Verdict verdict() override {
    Verdict verdict{.wrong = judge_reply(verdict_outcome_), .outcome = 0};
    for (std::uint32_t i = 1; i <= shape_.pending && verdict.wrong.empty(); ++i) {
      verdict.wrong = moves(shape_.position + i);
    }
    verdict.outcome = verdict_outcome_ + (lane_.caller.is_closed() ? 1 : 0);
    for (std::uint32_t i = 0; i < read_.size() && verdict.wrong.empty(); ++i) {
      if (!ArenaLane::is_whole(read_[i], shape_.returned + i, Answer::large)) {
        verdict.wrong = "a reply was overwritten that its caller still reads";
      }
      lane_.caller.release(shape_.position - shape_.held + i);
    }
    if (verdict.wrong.empty() && lane_.caller.is_busy()) {
      verdict.wrong = "every call has ended, and the lane of the dead may not go";
    }
    for (std::uint64_t i = 0; i <= large_in_arena && verdict.wrong.empty(); ++i) {
      if (lane_.start(0).status != StartStatus::dead) {
        verdict.wrong = "a call to the dead runner is not told that it is dead";
      }
    }
    return verdict.wrong.empty() ? Verdict{other_.has_everything(), verdict.outcome} : verdict;
  }
  std::uint64_t promised() const override { return shape_.closes ? 3 : 2; }

private:
  [[nodiscard]] std::uint32_t number_of(std::uint64_t position) const {
    return static_cast<std::uint32_t>(position - (shape_.position - shape_.before()));
  }
  std::string judge_reply(std::uint64_t& outcome) {
    const auto position = shape_.position;
    if (lane_.caller.fate(position) == Fate::queued) {
      return moves(position);
    }
    if (lane_.caller.fate(position) == Fate::started) {
      outcome = 1;
      lane_.caller.abandon(position);
      return {};
    }
    outcome = 2;
    const auto waited = lane_.caller.wait(position, 0);
    const auto is_right = shape_.has_room() ? ArenaLane::is_whole(waited.reply, number_of(position), shape_.answer)
                                            : waited.reply.status == CallStatus::no_space && waited.reply.bytes.empty();
    lane_.caller.release(position);
    return waited.status == WaitStatus::replied && is_right ? "" : "a reply is there that is not whole";
  }
  // Never begun: the other runner answers it.
  std::string moves(std::uint64_t position) {
    if (lane_.caller.fate(position) != Fate::queued) {
      return "a call that was never started is not queued";
    }
    if (lane_.caller.is_closed() && !lane_.caller.never_executed(position)) {
      return "the close says something else than what was executed";
    }
    const auto moved = lane_.move_on(position, other_);
    auto wrong = other_.serve_all();
    const auto waited = other_.caller.wait(moved.position, 0);
    if (wrong.empty() && (moved.status != StartStatus::started || waited.status != WaitStatus::replied ||
                          !ArenaLane::is_whole(waited.reply, number_of(position), Answer::large))) {
      wrong = "what was queued is not answered by the other runner";
    }
    other_.caller.release(moved.position);
    return wrong;
  }

  Shape shape_;
  ArenaLane lane_;
  ArenaLane other_;
  std::vector<ReplyView> read_;
  std::uint64_t verdict_outcome_ = 0;
};

std::vector<Scenario> scenarios() {
  std::vector<Scenario> all;
  for (const std::uint64_t phase : {0U, 1U}) {
    for (const auto& place : places(arena_lane_shape.slots, phase)) {
      const auto add = [&](const char* what, Shape shape) {
        shape.position = place.position;
        all.push_back(scenario_of<LargeServing>(
            fmt::format("{}, {} read, {} behind, {}", what, shape.held, shape.pending, place.name), shape));
      };
      add("answer in the slot", {.position = 0, .pending = 1, .answer = Answer::small});
      add("answer", {.position = 0, .pending = 3});
      add("answer in what came back", {.position = 0, .returned = 1, .held = 2, .pending = 1});
      add("answer in a new arena", {.position = 0, .held = 3, .room = Room::may_grow});
      add("answer without room", {.position = 0, .held = 3});
      add("answer piece by piece", {.position = 0, .held = 1, .answer = Answer::grown});
      add("answer piece by piece without room", {.position = 0, .held = 2, .answer = Answer::grown});
      add("answer with nothing", {.position = 0, .held = 2, .answer = Answer::empty});
      add("answer and close", {.position = 0, .returned = 3, .held = 0, .pending = 2, .closes = true});
    }
  }
  return all;
}

} // namespace

int main(int argc, char** argv) {
  return stepkill_main(argc, argv, "stepkill_large_serve", scenarios(), {.recoveries_max = 1, .one_of = 3});
}
