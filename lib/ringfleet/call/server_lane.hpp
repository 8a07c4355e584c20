#pragma once

// A runner's handle of one lane: LaneServer plus reply arenas and waking of parked callers. `ServerPark` waits on many.
//
// The life of a request: poll() → start() → the module, which writes into reply_buffer() → reply() → finish(). One
// thread polls; start, reply_buffer, reply and finish may be called by the worker that executes the position, several
// workers at the same time. Nothing here ever waits for the client, dead or alive.

#include "ringfleet/call/lane_server.hpp"
#include "ringfleet/call/wait_mode.hpp"
#include "ringfleet/frame/arena.hpp"
#include "ringfleet/frame/arena_views.hpp"
#include "ringfleet/os/host.hpp"
#include "ringfleet/ring/parking.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace ringfleet::call {

struct ServerLaneOptions {
  WaitMode mode = WaitMode::park;
  // Called when no reply arena has room: to obtain one of at least `bytes` that the client has mapped, add_arena() it
  // and return true; false when that is impossible. One thread at a time, the lane not locked.
  std::function<bool(std::uint64_t bytes)> arena_wanted;
};

struct ReplyBuffer {
  CallStatus status = CallStatus::ok; // no_space, too_large: `bytes` is empty
  std::span<std::byte> bytes;
};

template <class A = Atomics>
class BasicServerLane {
public:
  // The segments behind the spans must outlive this object.
  BasicServerLane(const LaneShape& shape, std::span<std::byte> runner_body, std::span<const std::byte> client_body,
                  ServerLaneOptions options, std::uint64_t first_position = 0);
  BasicServerLane(const BasicServerLane&) = delete;
  BasicServerLane& operator=(const BasicServerLane&) = delete;

  [[nodiscard]] bool has_request() const noexcept { return lane_.has_request(); }
  // The next request, or false. Requests with a length or offset outside the lane are answered with bad_reply on the
  // way and counted. Polling thread only.
  [[nodiscard]] bool poll(Request& out) noexcept {
    const auto taken = lane_.poll(request_arenas_, out);
    return taken == Taken::bad_request ? refuse_and_poll(out) : taken == Taken::request;
  }
  [[nodiscard]] std::uint64_t bad_requests() const noexcept { return bad_requests_; }

  [[nodiscard]] bool is_cancelled(std::uint64_t position) const noexcept { return lane_.is_cancelled(position); }

  // Announces [position, position + count) as started by `worker`; before the module is entered.
  void start(std::uint32_t worker, std::uint64_t position, MonotonicNs deadline, std::uint32_t count = 1) noexcept {
    lane_.start(worker, position, deadline, count);
  }
  void finish(std::uint32_t worker) noexcept { lane_.finish(worker); }

  // Room for a reply of up to `bytes` bytes: the slot, or an arena block. May be called again to grow; the first
  // `keep_bytes` bytes of the buffer before are copied into the new one. Waits for nobody but `arena_wanted`.
  [[nodiscard]] ReplyBuffer reply_buffer(std::uint64_t position, std::uint64_t bytes, std::uint64_t keep_bytes = 0) {
    if (bytes <= lane_.shape().slot_bytes && block_of(position).payload == 0) [[likely]] {
      return {CallStatus::ok, lane_.reply_inline(position)};
    }
    return grow_reply_buffer(position, bytes, keep_bytes);
  }

  // Publishes the first `bytes` bytes of the last reply_buffer() and wakes whoever waits for it; at most one system
  // call, none when nobody sleeps.
  void reply(std::uint64_t position, CallStatus status, std::int32_t module_code = 0,
             std::uint32_t bytes = 0) noexcept {
    std::uint64_t payload = 0;
    if (block_of(position).payload != 0) [[unlikely]] {
      payload = hand_over_block(position, bytes);
    }
    RINGFLEET_DEBUG_ASSERT(payload != 0 || bytes <= lane_.shape().slot_bytes, "a reply longer than its slot");
    lane_.publish_reply(position, status, module_code, bytes, payload);
    if (options_.mode == WaitMode::park && ring::is_awaited<A>(lane_.awaited_flag(position), position, position + 1))
        [[unlikely]] {
      wake_caller(position);
    }
  }

  // Takes no more requests and tells every caller. Returns the first position that was never taken. Polling thread.
  std::uint64_t close() noexcept;
  [[nodiscard]] bool is_closed() const noexcept { return lane_.is_closed(); }

  // An arena of this side that the client has mapped already. Any thread; also from within `arena_wanted`.
  std::uint32_t add_arena(std::span<std::byte> memory);
  [[nodiscard]] std::uint32_t next_arena_number() const;
  [[nodiscard]] std::uint64_t arena_growth_for(std::uint64_t bytes) const;
  [[nodiscard]] std::uint64_t arena_used_bytes() const;
  // An arena of the client, mapped read-only.
  [[nodiscard]] bool open_request_arena(std::uint32_t number, std::span<const std::byte> memory) noexcept {
    return request_arenas_.open(number, memory);
  }

  [[nodiscard]] WaitMode mode() const noexcept { return options_.mode; }
  [[nodiscard]] const LaneShape& shape() const noexcept { return lane_.shape(); }
  [[nodiscard]] LaneServer<A>& protocol() noexcept { return lane_; }

private:
  using Mutex = typename os::Host<A>::Mutex;
  struct Outstanding {
    std::uint64_t position;
    std::uint64_t payload;
  };

  [[nodiscard]] frame::Block& block_of(std::uint64_t position) noexcept {
    return blocks_[position & (lane_.shape().slots - 1)];
  }
  [[nodiscard]] bool refuse_and_poll(Request& out) noexcept;
  [[nodiscard]] ReplyBuffer grow_reply_buffer(std::uint64_t position, std::uint64_t bytes, std::uint64_t keep_bytes);
  // Of the block that the reply was written into: its payload word, or 0 when no byte of it is used.
  [[nodiscard]] std::uint64_t hand_over_block(std::uint64_t position, std::uint32_t bytes) noexcept;
  void wake_caller(std::uint64_t position) noexcept;
  [[nodiscard]] frame::Block allocate(std::uint64_t bytes);
  void collect_released();

  LaneServer<A> lane_;
  ServerLaneOptions options_;
  frame::ArenaViews request_arenas_;
  std::uint64_t bad_requests_ = 0;
  std::vector<frame::Block> blocks_; // per slot: the block being written for the request it holds; the worker's

  mutable Mutex arena_mutex_;
  frame::ArenaSet reply_arenas_;
  std::vector<Outstanding> outstanding_; // replied, not released yet
  Mutex growth_mutex_;
};

extern template class BasicServerLane<Atomics>;
using ServerLane = BasicServerLane<>;

} // namespace ringfleet::call
