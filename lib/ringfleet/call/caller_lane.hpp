#pragma once

// A client's handle of one lane: LaneCaller plus waiting, arenas, moved replies and the death of the runner. Any number
// of threads use it at the same time. The segments behind the spans, the arenas and the obituary must outlive it.
//
// The life of a call: start() → wait() or, for a loose one, collect() → read the reply → release(). A call that nobody
// wants any more is abandoned; its slot comes back when the reply does.

#include "ringfleet/base/assert.hpp"
#include "ringfleet/base/clock.hpp"
#include "ringfleet/call/lane_caller.hpp"
#include "ringfleet/call/lane_fate.hpp"
#include "ringfleet/call/lane_ladder.hpp"
#include "ringfleet/call/turn.hpp"
#include "ringfleet/call/wait_mode.hpp"
#include "ringfleet/frame/arena.hpp"
#include "ringfleet/frame/arena_views.hpp"
#include "ringfleet/memory/obituary.hpp"
#include "ringfleet/os/host.hpp"
#include "ringfleet/ring/parking.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <unordered_map>
#include <vector>

namespace ringfleet::call {

struct CallerLaneOptions {
  WaitMode mode = WaitMode::park;
  // Announced after mark_dead(). None: nobody will ever die (threads, tests).
  const memory::Obituary* obituary = nullptr;
  // Called when no arena of this side has room: to make one of at least `bytes`, have the runner map it, add_arena() it
  // and return true; false when that is impossible. May block until the deadline of the call that it is for. Called by
  // one thread at a time; the others wait for their turn, each until its own deadline.
  std::function<bool(std::uint64_t bytes, MonotonicNs deadline)> arena_wanted;
};

enum class StartStatus : std::uint8_t {
  started,
  lane_full, // until the deadline
  closed,    // the runner takes no more calls: go elsewhere
  dead,      // mark_dead() was called
  too_large, // beyond limits::payload_bytes_max
  no_space   // no arena memory
};

struct Started {
  StartStatus status;
  std::uint64_t position;
};

enum class Delivery : std::uint8_t {
  held, // the caller will wait() for it
  loose // asynchronous: collect() it later; until then a full lane may move its reply aside
};

enum class WaitStatus : std::uint8_t {
  replied,        // `reply` is valid; release() the position unless `moved`
  never_executed, // the runner closed the lane before it: go elsewhere, then abandon() the position
  dead,           // the runner died before it replied: see fate(), then abandon() the position
  timed_out,      // still held: wait() again, or abandon()
  bad_reply,      // the runner wrote nonsense: report it, abandon() the position unless `moved`
  taken           // collect() only: somebody else took this loose call
};

struct Waited {
  WaitStatus status = WaitStatus::timed_out;
  ReplyView reply;
  bool moved = false;                 // the reply left its slot before it was collected: nothing to release or abandon
  std::vector<std::byte> moved_bytes; // what `reply.bytes` shows then
};

template <class A = Atomics>
class BasicCallerLane {
public:
  BasicCallerLane(const LaneShape& shape, std::span<std::byte> client_body, std::span<const std::byte> runner_body,
                  CallerLaneOptions options, std::uint64_t first_position = 0);
  BasicCallerLane(const BasicCallerLane&) = delete;
  BasicCallerLane& operator=(const BasicCallerLane&) = delete;

  // Copies `payload` and publishes the call. Waits only while the lane is full or an arena is being made, until `until`
  // at most. Any status but `started` leaves no trace.
  [[nodiscard]] Started start(const RequestFields& fields, std::span<const std::byte> payload, Delivery delivery,
                              MonotonicNs until) {
    if (payload.size() <= lane_.shape().slot_bytes && !is_dead()) [[likely]] {
      const auto claim = lane_.try_claim();
      if (claim.kind == ClaimKind::claimed) [[likely]] {
        lane_.fill(claim.position, fields, payload);
        publish(claim.position, delivery);
        return {StartStatus::started, claim.position};
      }
      if (claim.kind == ClaimKind::late) {
        release(claim.position); // this claim took the slot of an abandoned call, so it is ours to free
      }
    }
    return start_slowly(fields, payload, delivery, until);
  }

  // For the thread that holds `position`. Waits: spins, then parks, as the lane's mode says. When the runner dies it
  // returns after mark_dead() and the obituary.
  [[nodiscard]] Waited wait(std::uint64_t position, MonotonicNs deadline) {
    Waited waited;
    if (!ladder_.template climb<A>([&] { return lane_.has_stamp(position); }) || !look_at_reply(position, waited))
        [[unlikely]] {
      wait_slowly(position, deadline, waited);
    }
    return waited;
  }
  // The same for a loose call; afterwards the caller holds it. Exactly one thread gets a status other than `taken`.
  [[nodiscard]] Waited collect(std::uint64_t position, MonotonicNs deadline);
  // collect() would return at once. Never enters the kernel.
  [[nodiscard]] bool is_ready(std::uint64_t position) const noexcept;

  // Ends the life of a replied call that is held; its bytes are void afterwards.
  void release(std::uint64_t position) noexcept {
    if (const auto block = lane_.release(position); block != 0) [[unlikely]] {
      free_block(block);
    }
    announce_free_slot();
  }
  // Ends the caller's interest in a held call that is not replied.
  void abandon(std::uint64_t position) noexcept;
  // The same for a loose call, wherever its reply is.
  void abandon_loose(std::uint64_t position) noexcept;
  // Loose → held without waiting, e.g. to redeliver it elsewhere. False when somebody else has it.
  [[nodiscard]] bool take(std::uint64_t position) noexcept { return lane_.take(position); }
  void cancel(std::uint64_t position) noexcept { lane_.cancel(position); }
  [[nodiscard]] bool is_cancelled(std::uint64_t position) const noexcept { return lane_.is_cancelled(position); }

  // Once, by whoever learned that every thread of the runner is gone; then announce the obituary. Later calls of it do
  // nothing.
  void mark_dead();
  // SYNC lane.dead: acquire; pairs with release in CallerLane, where the fates are stored.
  [[nodiscard]] bool is_dead() const noexcept { return A::load_acquire(dead_) != 0; }
  [[nodiscard]] bool is_closed() const noexcept { return lane_.is_closed(); }
  // After mark_dead(): what became of a call that is held or loose.
  [[nodiscard]] Fate fate(std::uint64_t position) const noexcept {
    RINGFLEET_ASSERT(is_dead(), "the fate of a call is asked for while its runner lives");
    return fates_.of(position);
  }
  template <class Visit>
  void for_each_loose(Visit&& visit) const {
    lane_.for_each_loose(visit);
  }
  // The runner closed the lane before it came to this call.
  [[nodiscard]] bool never_executed(std::uint64_t position) const noexcept {
    return lane_.close_verdict(position) == LaneCaller<A>::CloseVerdict::never_executed;
  }
  // Somebody holds a call, or a loose one is not collected: the lane may not be destroyed yet.
  [[nodiscard]] bool is_busy() const noexcept { return lane_.is_busy(); }

  // The request of a call that is held, as it was sent. Valid until release() or abandon().
  [[nodiscard]] RequestFields request_fields(std::uint64_t position) const noexcept {
    return lane_.request_fields(position);
  }
  [[nodiscard]] std::span<const std::byte> request_payload(std::uint64_t position) const noexcept;

  // An arena of this side that the runner has mapped already. Any thread; also from within `arena_wanted`.
  std::uint32_t add_arena(std::span<std::byte> memory);
  [[nodiscard]] std::uint32_t next_arena_number() const;
  // The size for a new arena that is to hold `bytes`; 0 at a limit.
  [[nodiscard]] std::uint64_t arena_growth_for(std::uint64_t bytes) const;
  // An arena of the runner, mapped read-only. False when the number is out of range or taken.
  [[nodiscard]] bool open_reply_arena(std::uint32_t number, std::span<const std::byte> memory) noexcept {
    return reply_arenas_.open(number, memory);
  }

  [[nodiscard]] const LaneShape& shape() const noexcept { return lane_.shape(); }

private:
  using Mutex = typename os::Host<A>::Mutex;
  struct Moved {
    Polled polled = Polled::pending;
    ReplyView reply;
    std::vector<std::byte> bytes;
  };

  [[nodiscard]] std::optional<frame::Block> allocate(std::uint64_t bytes, MonotonicNs deadline);
  void free_block(std::uint64_t payload) noexcept;
  [[nodiscard]] bool move_aside(std::uint64_t position);
  [[nodiscard]] StartStatus wait_for_slot(std::uint64_t blocking, MonotonicNs until);
  [[nodiscard]] bool is_still_blocking(std::uint64_t position) const noexcept;
  [[nodiscard]] Started start_slowly(const RequestFields& fields, std::span<const std::byte> payload, Delivery delivery,
                                     MonotonicNs until);
  void publish(std::uint64_t position, Delivery delivery) noexcept {
    lane_.publish(position, delivery == Delivery::loose);
    if (options_.mode == WaitMode::park && ring::is_awaited<A>(lane_.server_flag(), position, position + 1))
        [[unlikely]] {
      wake_server(position);
    }
  }
  void wake_server(std::uint64_t position) noexcept;
  void wait_slowly(std::uint64_t position, MonotonicNs deadline, Waited& out);
  // False: nothing to report yet.
  [[nodiscard]] bool look_at_reply(std::uint64_t position, Waited& out) const noexcept {
    const auto polled = lane_.poll(position, reply_arenas_, out.reply);
    out.status = polled == Polled::replied ? WaitStatus::replied : WaitStatus::bad_reply;
    return polled != Polled::pending;
  }
  [[nodiscard]] bool look(std::uint64_t position, Waited& out) const noexcept;
  void announce_free_slot() noexcept {
    if (options_.mode == WaitMode::spin) {
      return;
    }
    // SYNC lane.slot_wait: barrier, then load; pairs with the barrier in wait_for_slot. Forbids: the waiter does not
    // see the free slot, and we do not see the waiter.
    A::store_load_barrier();
    if (A::load_relaxed(slot_waiters_) != 0) [[unlikely]] {
      wake_slot_waiters();
    }
  }
  void wake_slot_waiters() noexcept;
  // The words that a parked caller sleeps on, from before its last look.
  struct Seen {
    std::uint64_t stamp;
    std::uint32_t closed_bell;
    std::uint32_t obituary;
  };
  [[nodiscard]] Seen see(std::uint64_t position) const noexcept;
  void park(std::uint64_t position, const Seen& seen, const std::uint32_t* releases_seen, MonotonicNs deadline);
  [[nodiscard]] std::uint32_t obituary_value() const noexcept {
    return options_.obituary != nullptr ? options_.obituary->value<A>() : 0;
  }

  LaneCaller<A> lane_;
  CallerLaneOptions options_;
  std::uint32_t dead_ = 0;
  LaneFates fates_; // written before dead_
  frame::ArenaViews reply_arenas_;
  LaneLadder ladder_;

  mutable Mutex arena_mutex_;
  frame::ArenaSet request_arenas_;
  Turn growth_turn_;

  mutable Mutex moved_mutex_;
  std::unordered_map<std::uint64_t, Moved> moved_;

  // Threads that wait for a slot, and the word they sleep on: process-local.
  alignas(cache_line_bytes) std::uint32_t slot_waiters_ = 0;
  std::uint32_t releases_ = 0;
};

extern template class BasicCallerLane<Atomics>;
using CallerLane = BasicCallerLane<>;

} // namespace ringfleet::call
