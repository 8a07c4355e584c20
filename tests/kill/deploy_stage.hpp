#pragma once

// All shared memory that a deploy touches, and everybody who takes part: the scheduler with its route, a client with
// its epoch page, the old runner and the candidate, each with a lane to that client. What goes over control sockets in
// a fleet is a call of a function here.
//
// The old runner has answered one call, of which the client still reads the reply, and two more wait for it.

#include "arena_lane.hpp"
#include "ringfleet/fleet/epoch.hpp"
#include "ringfleet/fleet/route.hpp"

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ringfleet::kill {

struct DeployBytes {
  static constexpr std::uint32_t calls_max = 8;

  fleet::RouteLayout route;
  fleet::EpochLayout epochs;
  ArenaLaneBytes old;
  ArenaLaneBytes candidate;
  std::array<std::uint64_t, calls_max> executed; // how often the module did what a call asks for
  std::uint64_t is_told_to_drain;                // the old runner, by the scheduler
};

class DeployStage {
public:
  static constexpr std::uint32_t module_number = 3;
  enum Runner : std::uint64_t { old_runner = 11, candidate_runner = 12 };
  enum class End : std::uint8_t { pending, answered, lost, no_runner };
  struct Call {
    std::uint32_t number;
    ArenaLane* lane;
    std::uint64_t position;
    End end = End::pending;
  };

  // `place`: of the calls in their lanes, and of the route in its life.
  DeployStage(DeployBytes& memory, std::uint64_t place)
      : memory_(cleared(memory)), first_epoch_(place), old(memory.old, place), candidate(memory.candidate, place) {
    memory.route.epoch = place - 1;
    publish_route({old_runner});
    for (std::uint32_t number = 0; number < 3; ++number) {
      const auto payload = payload_of(number);
      (void)place_call(number, std::as_bytes(std::span(payload)).first(number == 2 ? small_bytes : large_bytes));
      if (number == 0) {
        (void)serve(old, 1);
      }
    }
  }

  // ---- scheduler

  void flip() { publish_route({candidate_runner}); }
  void publish_route(const std::vector<std::uint64_t>& runners) {
    const std::array modules{fleet::RouteModule{
        .number = module_number, .generation = 1, .service = fleet::Service::serving, .runners = runners}};
    (void)fleet::RouteWriter<>(memory_.route).publish(std::span(modules).first(runners.empty() ? 0 : 1));
    Atomics::store_load_barrier();
  }
  [[nodiscard]] std::uint64_t flips() const { return memory_.route.epoch - first_epoch_; }
  [[nodiscard]] bool may_drain() const { return !fleet::EpochPage<>(memory_.epochs).inside_before(first_epoch_ + 1); }

  // ---- runners

  // At most so many, or all that is there. Empty: the requests were whole.
  std::string serve(ArenaLane& lane, std::uint32_t count = 99) {
    call::Request request;
    for (; count != 0 && lane.server.poll(request); --count) {
      if (!ArenaLane::is_whole(request) || request.method >= DeployBytes::calls_max) {
        return "a request is torn or foreign";
      }
      auto& executed = memory_.executed[request.method];
      (void)lane.execute(request, Answer::large,
                         [&] { Atomics::store_release(executed, Atomics::load_relaxed(executed) + 1); });
    }
    return {};
  }
  [[nodiscard]] std::uint64_t executed(std::uint32_t number) const { return memory_.executed[number]; }

  // ---- client

  // By the route, inside an epoch, as a calling thread does it; `between` comes when it has picked a lane. False: there
  // is none.
  template <class Between>
  bool place_call(std::uint32_t number, std::span<const std::byte> payload, Between&& between) {
    const fleet::RouteReader<> route(memory_.route);
    const fleet::EpochSection<> inside(memory_.epochs.lines[1], route);
    const auto module = route.read(module_number, inside.epoch());
    between();
    if (!module) {
      return false;
    }
    for (const auto serial : module->runners) {
      auto& lane = serial == old_runner ? old : candidate;
      const auto started = lane.caller.start({.method = number}, payload, call::Delivery::held, 0);
      if (started.status == call::StartStatus::started) {
        calls.push_back({number, &lane, started.position});
        return true;
      }
    }
    return false;
  }
  bool place_call(std::uint32_t number, std::span<const std::byte> payload) {
    return place_call(number, payload, [] {});
  }
  // Of one that its runner has not begun, and will not: it goes where the route says, or has no runner.
  void move_call(std::size_t index) {
    const auto call = calls[index];
    const bool is_placed = place_call(call.number, call.lane->caller.request_payload(call.position));
    call.lane->caller.abandon(call.position);
    if (is_placed) {
      calls[index] = calls.back();
      calls.pop_back();
    } else {
      calls[index].end = End::no_runner;
    }
  }
  // All calls come to their ends, of whatever runners have answered, closed or died. Empty: each as it must be.
  std::string end_calls();
  [[nodiscard]] std::uint64_t ended(End end) const {
    std::uint64_t count = 0;
    for (const auto& call : calls) {
      count += call.end == end ? 1 : 0;
    }
    return count;
  }

private:
  static DeployBytes& cleared(DeployBytes& memory) {
    std::memset(static_cast<void*>(&memory), 0, sizeof memory);
    return memory;
  }

  DeployBytes& memory_;
  std::uint64_t first_epoch_;

public:
  ArenaLane old;
  ArenaLane candidate;
  std::vector<Call> calls; // the client's
};

inline std::string DeployStage::end_calls() {
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const auto moves = [&] {
      const auto& caller = calls[i].lane->caller;
      return caller.never_executed(calls[i].position) ||
             (caller.is_dead() && caller.fate(calls[i].position) == call::Fate::queued);
    };
    while (calls[i].end == End::pending && moves()) {
      move_call(i);
      if (auto wrong = calls[i].end == End::pending && !candidate.caller.is_dead() ? serve(candidate) : "";
          !wrong.empty()) {
        return wrong;
      }
    }
    auto& call = calls[i];
    if (call.end != End::pending) {
      continue;
    }
    if (call.lane->caller.is_dead() && call.lane->caller.fate(call.position) == call::Fate::started) {
      call.lane->caller.abandon(call.position);
      call.end = End::lost;
      continue;
    }
    const auto waited = call.lane->caller.wait(call.position, 0);
    if (waited.status != call::WaitStatus::replied || !ArenaLane::is_whole(waited.reply, call.number, Answer::large)) {
      return "a call is not answered, or torn";
    }
    call.lane->caller.release(call.position);
    call.end = End::answered;
  }
  for (const auto& call : calls) {
    const auto times = executed(call.number);
    if (call.end == End::answered ? times != 1 : call.end == End::lost ? times > 1 : times != 0) {
      return "a call was executed twice, or its end says something else than what was executed";
    }
  }
  return old.caller.is_busy() || candidate.caller.is_busy() ? "every call has ended, and a lane is held" : "";
}

} // namespace ringfleet::kill
