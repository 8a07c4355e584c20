#pragma once

// A world of the explorer: threads of one client call over a lane, threads of a runner serve it, the runner may die or
// close the lane at any moment, callers give up. Handles of the library throughout, parking included. What a dead or
// closed runner has not started moves to a second lane, and the ledger says of each call how often it was executed and
// how it ended.

#include "explored_host.hpp"
#include "lane_ledger.hpp"
#include "lane_memory.hpp"

#include "ringfleet/call/caller_lane_impl.hpp"
#include "ringfleet/call/server_lane_impl.hpp"
#include "ringfleet/call/server_park_impl.hpp"

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace ringfleet::explore {

enum class Caller : std::uint8_t {
  waits,    // for the reply
  hurries,  // the same, until its deadline: any moment
  cancels,  // asks the runner not to begin, then waits
  collects, // asynchronously, after its last call
  drops     // asynchronously, and forgets it
};

struct LaneShape {
  std::vector<Caller> callers = {Caller::waits};
  unsigned calls = 1; // of each caller
  std::uint32_t slots = 1;
  unsigned workers = 1; // threads of the runner
  bool is_runner_mortal = false;
  bool closes = false;            // the runner is told to drain, at any moment
  std::uint32_t reply_blocks = 0; // not 0: replies lie in an arena with room for so many
  bool has_big_requests = false;  // requests lie in an arena with a block for each caller
};

class LaneWorld {
public:
  explicit LaneWorld(const LaneShape& shape)
      : shape_(shape), first_(memory_shape(), shape.reply_blocks, big_requests(shape), &obituary_),
        second_(memory_shape(), 0, big_requests(shape), nullptr), park_(control_),
        ledger_(shape.callers.size() * shape.calls) {
    park_.add(first_.server);
  }

  unsigned processes() const { return keeper() + 1; }
  bool is_mortal(unsigned process) const { return shape_.is_runner_mortal && process < shape_.workers; }
  unsigned group(unsigned process) const { return process < shape_.workers ? 0 : process; }
  bool is_impatient(unsigned process) const {
    return is_caller(process) && shape_.callers[process - shape_.workers] == Caller::hurries;
  }
  void run(unsigned process) {
    if (process < shape_.workers) {
      serve(process);
    } else if (is_caller(process)) {
      call_all(process - shape_.workers);
    } else {
      keep();
    }
  }
  std::string verdict(const Outcome& outcome) {
    for (unsigned process = shape_.workers; process < processes(); ++process) {
      if (outcome.is_stuck(process)) {
        return is_caller(process) ? "a caller sleeps for ever" : "the keeper is stuck";
      }
    }
    const bool is_runner_dead = outcome.is_dead(0) || (shape_.workers == 2 && outcome.is_dead(1));
    const bool is_parked = outcome.is_parked(0) || (shape_.workers == 2 && outcome.is_parked(1));
    if (is_parked && !first_.server.is_closed() && first_.server.has_request()) {
      return "the runner sleeps although there is a request";
    }
    const bool is_quiet =
        !shape_.is_runner_mortal && !shape_.closes && shape_.callers.size() * shape_.calls <= shape_.slots;
    if (is_quiet && outcome.wakes > outcome.announcements) {
      return "somebody was woken who had not announced that he would sleep";
    }
    if (auto wrong = ledger_.judge(is_runner_dead, first_.server.is_closed()); !wrong.empty()) {
      return wrong;
    }
    return is_runner_dead || first_.server.is_closed() ? check_idle() : check_use();
  }

private:
  using Status = call::WaitStatus;
  struct Forward {
    std::optional<std::uint64_t> elsewhere; // empty: lost
  };

  unsigned keeper() const { return shape_.workers + static_cast<unsigned>(shape_.callers.size()); }
  bool is_caller(unsigned process) const { return process >= shape_.workers && process < keeper(); }
  call::LaneShape memory_shape() const { return {.slots = shape_.slots, .slot_bytes = 64, .workers = shape_.workers}; }

  // Threads that wait for a slot hold a block already.
  static std::uint32_t big_requests(const LaneShape& shape) {
    return shape.has_big_requests ? static_cast<std::uint32_t>(shape.callers.size()) : 0;
  }

  // ---- runner

  void serve(unsigned worker) {
    for (;;) {
      call::Request request;
      {
        const std::scoped_lock polling(polling_);
        for (;;) {
          const auto seen = park_.control_value();
          if (seen != 0 || first_.server.is_closed()) {
            if (!first_.server.is_closed()) {
              (void)first_.server.close();
            }
            return;
          }
          if (first_.server.poll(request)) {
            break;
          }
          park_.wait(seen, never);
        }
      }
      execute(first_, worker, request);
    }
  }
  void execute(Lane& lane, unsigned worker, const call::Request& request) {
    const auto id = request.method;
    ledger_.check_request(id, request.payload);
    if (lane.server.is_cancelled(request.position)) {
      lane.server.reply(request.position, CallStatus::cancelled);
      return;
    }
    lane.server.start(worker, request.position, request.deadline);
    ledger_.execute(id);
    const std::uint64_t bytes =
        &lane == &first_ && shape_.reply_blocks != 0 ? reply_block_bytes : sizeof(std::uint64_t);
    const auto buffer = lane.server.reply_buffer(request.position, bytes);
    if (buffer.status == CallStatus::ok) {
      E::store_relaxed(*reinterpret_cast<std::uint64_t*>(buffer.bytes.data()), answer_to(id));
    }
    lane.server.reply(request.position, buffer.status, 0,
                      buffer.status == CallStatus::ok ? static_cast<std::uint32_t>(bytes) : 0);
    lane.server.finish(worker);
  }

  // ---- keeper: the client's watcher, and whoever tells the runner to drain

  void keep() {
    if (shape_.closes) {
      E::store_release(control_, 1U);
      os::Host<E>::wake(control_, false);
    }
    if (!shape_.is_runner_mortal || !wait_for_death()) {
      return;
    }
    first_.caller.mark_dead();
    obituary_.announce<E>();
    const std::scoped_lock lock(forwarding_);
    first_.caller.for_each_loose([&](std::uint64_t position) {
      if (first_.caller.fate(position) != call::Fate::replied && first_.caller.take(position)) {
        forwards_[position] = move_on(position);
      }
    });
  }
  // A call of a dead runner that this thread has taken: elsewhere, unless it was started.
  Forward move_on(std::uint64_t position) {
    const auto id = first_.caller.request_fields(position).method;
    Forward forward;
    if (first_.caller.fate(position) == call::Fate::started) {
      ledger_.end(id, End::lost);
    } else {
      forward.elsewhere = start_elsewhere(id, first_.caller.request_payload(position), call::Delivery::loose);
    }
    first_.caller.abandon(position);
    return forward;
  }

  // ---- callers

  void call_all(unsigned caller) {
    const auto role = shape_.callers[caller];
    std::vector<std::pair<std::uint32_t, std::uint64_t>> loose;
    for (unsigned number = 0; number < shape_.calls; ++number) {
      const auto id = static_cast<std::uint32_t>(caller * shape_.calls + number);
      const bool is_loose = role == Caller::collects || role == Caller::drops;
      const auto until = role == Caller::hurries ? its_deadline : never;
      const auto payload = ledger_.request_of(id, shape_.has_big_requests);
      const auto started = first_.caller.start({.method = id, .deadline = until, .chain = {}}, payload,
                                               is_loose ? call::Delivery::loose : call::Delivery::held, until);
      if (started.status == call::StartStatus::started) {
        if (is_loose) {
          loose.emplace_back(id, started.position);
        } else {
          finish(id, started.position, role, until);
        }
      } else {
        not_started(id, started.status, role);
      }
    }
    for (const auto& [id, position] : loose) {
      if (role == Caller::collects) {
        collect(id, position);
      } else {
        drop(id, position);
      }
    }
  }
  void not_started(std::uint32_t id, call::StartStatus status, Caller role) {
    if (status == call::StartStatus::closed || status == call::StartStatus::dead) {
      call_elsewhere(id, {});
    } else if (status == call::StartStatus::lane_full && role == Caller::hurries) {
      ledger_.end(id, End::late);
    } else {
      ledger_.accuse("a call was refused for no reason");
    }
  }
  void finish(std::uint32_t id, std::uint64_t position, Caller role, MonotonicNs until) {
    if (role == Caller::cancels) {
      first_.caller.cancel(position);
    }
    conclude(id, position, first_.caller.wait(position, until));
  }
  void conclude(std::uint32_t id, std::uint64_t position, const call::Waited& waited) {
    switch (waited.status) {
    case Status::replied:
      ledger_.answer(id, waited.reply);
      if (!waited.moved) {
        first_.caller.release(position);
      }
      return;
    case Status::timed_out:
      ledger_.end(id, End::late);
      first_.caller.abandon(position);
      return;
    case Status::dead:
      if (first_.caller.fate(position) == call::Fate::started) {
        ledger_.end(id, End::lost);
        first_.caller.abandon(position);
        return;
      }
      [[fallthrough]];
    case Status::never_executed:
      if (first_.caller.is_cancelled(position)) {
        ledger_.end(id, End::cancelled);
      } else {
        call_elsewhere(id, first_.caller.request_payload(position));
      }
      first_.caller.abandon(position);
      return;
    case Status::bad_reply:
    case Status::taken: ledger_.accuse("an impossible reply"); return;
    }
  }
  void collect(std::uint32_t id, std::uint64_t position) {
    const auto waited = first_.caller.collect(position, never);
    if (waited.status != Status::taken) {
      conclude(id, position, waited);
      return;
    }
    const std::scoped_lock lock(forwarding_);
    const auto found = forwards_.find(position);
    if (found == forwards_.end()) {
      ledger_.accuse("a loose call is nowhere");
    } else if (found->second.elsewhere) {
      auto moved = second_.caller.collect(*found->second.elsewhere, never);
      ledger_.answer(id, moved.reply);
      if (!moved.moved) {
        second_.caller.release(*found->second.elsewhere);
      }
    }
  }
  void drop(std::uint32_t id, std::uint64_t position) {
    const std::scoped_lock lock(forwarding_);
    const auto found = forwards_.find(position);
    if (found == forwards_.end()) {
      first_.caller.abandon_loose(position);
    } else if (found->second.elsewhere) {
      second_.caller.abandon_loose(*found->second.elsewhere);
    }
    ledger_.drop(id);
  }
  // The second runner answers at once: whoever comes lets it work.
  void call_elsewhere(std::uint32_t id, std::span<const std::byte> payload) {
    const auto fresh = ledger_.request_of(id, shape_.has_big_requests);
    const auto position = start_elsewhere(id, payload.empty() ? fresh : payload, call::Delivery::held);
    const auto waited = second_.caller.wait(position, never);
    ledger_.answer(id, waited.reply);
    second_.caller.release(position);
  }
  std::uint64_t start_elsewhere(std::uint32_t id, std::span<const std::byte> payload, call::Delivery delivery) {
    ledger_.check_unexecuted(id);
    const std::scoped_lock lock(second_serving_);
    const auto started = second_.caller.start({.method = id, .deadline = never, .chain = {}}, payload, delivery, never);
    call::Request request;
    while (second_.server.poll(request)) {
      execute(second_, 0, request);
    }
    return started.position;
  }

  // ---- afterwards, alone

  // Nothing holds the lane: it may be destroyed.
  std::string check_idle() const { return first_.caller.is_busy() ? "a slot is held by nobody" : ""; }
  // All slots can be claimed at once, and every request finds its block.
  std::string check_use() {
    call::Request request;
    while (first_.server.poll(request)) {
      execute(first_, 0, request);
    }
    for (std::uint32_t slot = 0; slot < shape_.slots; ++slot) {
      const auto started =
          first_.caller.start({}, ledger_.request_of(0, shape_.has_big_requests), call::Delivery::held, 0);
      if (started.status != call::StartStatus::started) {
        return "afterwards a slot is missing";
      }
    }
    while (first_.server.poll(request)) {
      const auto bytes =
          shape_.reply_blocks != 0 && request.position % shape_.slots < shape_.reply_blocks ? reply_block_bytes : 0;
      if (first_.server.reply_buffer(request.position, bytes).status != CallStatus::ok) {
        return "afterwards a reply's block is missing";
      }
      first_.server.reply(request.position, CallStatus::ok, 0, static_cast<std::uint32_t>(bytes));
    }
    return "";
  }

  LaneShape shape_;
  memory::Obituary obituary_;
  Lane first_;
  Lane second_;
  std::uint32_t control_ = 0;
  call::BasicServerPark<E> park_;
  os::Host<E>::Mutex polling_;
  os::Host<E>::Mutex second_serving_;
  os::Host<E>::Mutex forwarding_;
  std::map<std::uint64_t, Forward> forwards_;
  LaneLedger ledger_;
};

} // namespace ringfleet::explore
