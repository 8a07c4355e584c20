// The steps of a deploy in shared memory, and each of those who take part is killed after each instruction of its part:
// the candidate that takes its lane, the scheduler that flips the route, looks into the epochs and drains, the old
// runner that serves what is there and closes, the client that is inside the route or moves its calls. Every call ends
// once, by name, and is executed at most once. faults 2, 5, 7, 28, 39.

#include "deploy_stage.hpp"
#include "message.hpp"
#include "stepkill.hpp"

#include <optional>
#include <string>
#include <vector>

using namespace ringfleet;
using namespace ringfleet::kill;
using namespace ringfleet::call;

namespace {

using End = DeployStage::End;

// The candidate dies while it takes its lane, before the flip: the deploy is rolled back, which takes no store. The old
// version serves on, and the next candidate is deployed.
class TakingItsLane : public World {
public:
  struct Memory {
    DeployBytes deploy;
    ArenaLaneBytes taken;
  };
  TakingItsLane(Memory& memory, std::uint64_t place)
      : memory_(memory), stage_(memory.deploy, place),
        client_(arena_lane_shape, memory.taken.client, memory.taken.runner, {}, place), place_(place) {
    std::memset(static_cast<void*>(&memory.taken), 0, sizeof memory.taken);
  }
  void operate() override {
    ServerLane server(arena_lane_shape, memory_.taken.runner, memory_.taken.client, {}, place_);
    Request request;
    if (!server.poll(request)) {
      Atomics::store_release(memory_.taken.reply_arenas, std::uint64_t{1}); // it tells the scheduler that it is ready
    }
  }
  void recover() override { client_.mark_dead(); }
  Verdict verdict() override {
    Verdict verdict{.wrong = {}, .outcome = memory_.taken.reply_arenas};
    if (client_.is_busy() || client_.start({}, {}, Delivery::held, 0).status == StartStatus::started ||
        stage_.flips() != 0) {
      verdict.wrong = "the lane of a candidate that never served is held, or takes calls";
    } else if (verdict.outcome == 1 && client_.is_closed()) {
      verdict.wrong = "a lane is ready that is not open";
    }
    verdict.wrong = verdict.wrong.empty() ? stage_.serve(stage_.old) : verdict.wrong;
    if (verdict.wrong.empty()) {
      stage_.flip();
      (void)stage_.old.server.close();
      verdict.wrong = stage_.end_calls();
    }
    if (verdict.wrong.empty() && stage_.ended(End::answered) != 3) {
      verdict.wrong = "a call was lost that nobody had anything to do with who died";
    }
    return verdict.wrong.empty() ? Verdict{stage_.candidate.has_everything(), verdict.outcome} : verdict;
  }
  std::uint64_t promised() const override { return 1; }

private:
  Memory& memory_;
  DeployStage stage_;
  CallerLane client_;
  std::uint64_t place_;
};

// The scheduler dies, and its runners with it.
class Deploying : public World {
public:
  using Memory = DeployBytes;
  enum class Deed : std::uint8_t { reload, reload_with_a_thread_inside, unload };
  Deploying(Memory& memory, std::uint64_t place, Deed deed) : memory_(memory), deed_(deed), stage_(memory, place) {
    if (deed == Deed::reload_with_a_thread_inside) {
      memory.epochs.lines[1].inside = place;
    }
  }
  void operate() override {
    if (deed_ == Deed::unload) {
      stage_.publish_route({});
    } else {
      stage_.flip();
    }
    if (stage_.may_drain()) {
      Atomics::store_release(memory_.is_told_to_drain, std::uint64_t{1});
      if (deed_ == Deed::unload) {
        stage_.publish_route({}); // for the other modules: this one is gone
      }
    }
  }
  void recover() override {
    stage_.old.caller.mark_dead();
    stage_.candidate.caller.mark_dead();
  }
  Verdict verdict() override {
    Verdict verdict{.wrong = {}, .outcome = stage_.flips() + memory_.is_told_to_drain};
    const fleet::RouteReader<> route(memory_.route);
    const auto module = route.read(DeployStage::module_number, route.epoch());
    const std::vector<std::uint64_t> before{DeployStage::old_runner};
    const std::vector<std::uint64_t> after{DeployStage::candidate_runner};
    if (!module || module->runners != (stage_.flips() == 0     ? before
                                       : deed_ == Deed::unload ? std::vector<std::uint64_t>{}
                                                               : after)) {
      verdict.wrong = "the route in force is torn";
    } else if (memory_.is_told_to_drain != 0 && stage_.flips() == 0) {
      verdict.wrong = "the old runner was told to drain before the route has flipped";
    } else {
      verdict.wrong = stage_.end_calls();
    }
    if (verdict.wrong.empty() && (stage_.ended(End::answered) != 1 || stage_.ended(End::no_runner) != 2)) {
      verdict.wrong = "calls ended otherwise than their runners had left them";
    }
    return verdict;
  }
  std::uint64_t promised() const override {
    return deed_ == Deed::unload ? 3 : deed_ == Deed::reload_with_a_thread_inside ? 1 : 2;
  }

private:
  Memory& memory_;
  Deed deed_;
  DeployStage stage_;
};

// The route has flipped, and the old runner dies while it drains: it serves both calls, one of them or none until its
// time is over, and closes.
class Draining : public World {
public:
  using Memory = DeployBytes;
  Draining(Memory& memory, std::uint64_t place, std::uint32_t served) : served_(served), stage_(memory, place) {
    stage_.flip();
  }
  void operate() override {
    (void)stage_.serve(stage_.old, served_);
    (void)stage_.old.server.close();
  }
  void recover() override { stage_.old.caller.mark_dead(); }
  Verdict verdict() override {
    Verdict verdict;
    for (const auto& call : stage_.calls) {
      const auto fate = stage_.old.caller.fate(call.position);
      verdict.outcome += call.number == 0 || fate == Fate::queued ? 0 : fate == Fate::started ? 1 : 2;
    }
    verdict.outcome += stage_.old.caller.is_closed() ? 1 : 0;
    verdict.wrong = stage_.end_calls();
    if (verdict.wrong.empty() && stage_.ended(End::answered) + stage_.ended(End::lost) != 3) {
      verdict.wrong = "a call ended without a runner, and there was one";
    }
    const auto begun = stage_.old.caller.is_closed() ? 0 : verdict.outcome % 2;
    if (verdict.wrong.empty() && stage_.ended(End::lost) != begun) {
      verdict.wrong = "another call is lost than the one that was begun";
    }
    return verdict.wrong.empty() ? Verdict{stage_.candidate.has_everything(), verdict.outcome} : verdict;
  }
  std::uint64_t promised() const override { return 2 * served_ + 1; }

private:
  std::uint32_t served_;
  DeployStage stage_;
};

// The client dies. The scheduler goes on with its deploy, and waits for the dead client's page no longer.
class Calling : public World {
public:
  using Memory = DeployBytes;
  enum class Deed : std::uint8_t {
    call_before,        // the flip
    call_while_flipped, // it has picked the old runner, and is inside, while the route flips
    call_after,
    move // the old runner has closed: two calls go to the candidate
  };
  Calling(Memory& memory, std::uint64_t place, Deed deed) : memory_(memory), deed_(deed), stage_(memory, place) {
    if (deed == Deed::call_after || deed == Deed::move) {
      stage_.flip();
    }
    if (deed == Deed::move) {
      (void)stage_.old.server.close();
    }
  }
  void operate() override {
    if (deed_ == Deed::move) {
      for (std::size_t i = 1; i < 3; ++i) {
        if (stage_.old.caller.never_executed(stage_.calls[i].position)) {
          stage_.move_call(i);
        }
      }
      return;
    }
    const auto payload = payload_of(3);
    (void)stage_.place_call(3, std::as_bytes(std::span(payload)).first(small_bytes), [&] {
      if (deed_ == Deed::call_while_flipped) {
        stage_.flip(); // by the scheduler, in another process
        if (stage_.may_drain()) {
          Atomics::store_release(memory_.is_told_to_drain, std::uint64_t{1});
        }
      }
    });
  }
  // By the scheduler: the client's page is gone.
  void recover() override {
    if (stage_.flips() == 0) {
      stage_.flip();
    }
  }
  Verdict verdict() override {
    if (memory_.is_told_to_drain != 0) {
      return {"the old runner is drained while a client is about to call it", 0};
    }
    auto wrong = stage_.serve(stage_.old);
    (void)stage_.old.server.close();
    wrong = wrong.empty() ? stage_.serve(stage_.candidate) : wrong;
    const bool is_moved = deed_ == Deed::move;
    for (std::uint32_t number = 0; number < DeployBytes::calls_max; ++number) {
      const auto times = stage_.executed(number);
      const bool must = number == 0 || (number < 3 && !is_moved);
      const bool may = must || (is_moved ? number < 3 : number == 3);
      if (wrong.empty() && (times > (may ? 1U : 0U) || times < (must ? 1U : 0U))) {
        wrong = "a call was executed twice, or not at all";
      }
    }
    return {wrong, is_moved ? stage_.executed(1) + stage_.executed(2) : stage_.executed(3)};
  }
  std::uint64_t promised() const override { return deed_ == Deed::move ? 2 : 1; }

private:
  Memory& memory_;
  Deed deed_;
  DeployStage stage_;
};

std::vector<Scenario> scenarios() {
  std::vector<Scenario> all;
  for (const auto& place : places(arena_lane_shape.slots, 1)) {
    const auto name = [&](const char* what) { return fmt::format("{}, {}", what, place.name); };
    all.push_back(scenario_of<TakingItsLane>(name("a candidate takes its lane"), place.position));
    using Scheduler = Deploying::Deed;
    const auto add_scheduler = [&](const char* what, Scheduler deed) {
      all.push_back(scenario_of<Deploying>(name(what), place.position, deed));
    };
    add_scheduler("the scheduler reloads", Scheduler::reload);
    add_scheduler("the scheduler reloads, and a thread is inside", Scheduler::reload_with_a_thread_inside);
    add_scheduler("the scheduler unloads", Scheduler::unload);
    for (const std::uint32_t served : {0U, 1U, 2U}) {
      all.push_back(scenario_of<Draining>(name(fmt::format("the old runner drains, {} of 2", served).c_str()),
                                          place.position, served));
    }
    using Client = Calling::Deed;
    const auto add_client = [&](const char* what, Client deed) {
      all.push_back(scenario_of<Calling>(name(what), place.position, deed));
    };
    add_client("a client calls before the flip", Client::call_before);
    add_client("a client calls while the route flips", Client::call_while_flipped);
    add_client("a client calls after the flip", Client::call_after);
    add_client("a client moves its calls", Client::move);
  }
  return all;
}

} // namespace

int main(int argc, char** argv) {
  return stepkill_main(argc, argv, "stepkill_deploy", scenarios(), {.recoveries_max = 1, .one_of = 2});
}
