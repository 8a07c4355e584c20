#pragma once

// The runner's half of the lane protocol: take requests in order, announce what is being executed, reply in place,
// close. Pure protocol, like LaneCaller: spans in, no thread, clock, kernel object or process, and nothing waits.
// `ServerLane` adds arenas and waking, `ServerPark` the waiting.
//
// One thread polls. Each worker uses its own progress line, and only the worker that executes a position writes that
// position's reply.

#include "ringfleet/base/assert.hpp"
#include "ringfleet/base/atomics.hpp"
#include "ringfleet/base/clock.hpp"
#include "ringfleet/call/lane_layout.hpp"
#include "ringfleet/call/status.hpp"
#include "ringfleet/frame/arena_views.hpp"
#include "ringfleet/ring/sequence.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace ringfleet::call {

// A validated copy of a request's header; `payload` lies in the client's memory and is valid until the reply is
// published.
struct Request {
  std::uint64_t position = 0;
  MonotonicNs deadline = never;
  std::uint32_t method = 0;
  std::span<const std::byte> payload;
  Chain chain{}; // modules this request has passed, 0-terminated
};

enum class Taken : std::uint8_t {
  nothing,
  request,
  bad_request // `position` is set: answer it with bad_reply; nothing else of it is to be used
};

template <class A = Atomics>
class LaneServer {
public:
  // The spans are the bodies of the two segments and must outlive this object. Marks the lane open.
  LaneServer(const LaneShape& shape, std::span<std::byte> runner_body, std::span<const std::byte> client_body,
             std::uint64_t first_position = 0)
      : shape_(shape), runner_(runner_body), client_(client_body), next_(first_position) {
    RINGFLEET_ASSERT(is_valid(shape), "a lane shape outside the limits");
    RINGFLEET_ASSERT(client_body.size() >= client_body_bytes(shape), "the client's segment is smaller than its lane");
    RINGFLEET_ASSERT(runner_body.size() >= runner_body_bytes(shape), "the runner's segment is smaller than its lane");
    A::store_release(control().closed, lane_is_open);
  }

  // One load; the second line of the slot is fetched along with it.
  [[nodiscard]] bool has_request() const noexcept {
    const auto& header = request(next_);
    __builtin_prefetch(reinterpret_cast<const std::byte*>(&header) + cache_line_bytes);
    return A::load_acquire(header.stamp) == next_ + 1 && !closed_;
  }

  // Takes the next request, in the order of positions. Polling thread only; never waits. A taken request must be
  // answered, or handed back by the runner's death.
  [[nodiscard]] Taken poll(const frame::ArenaViews& arenas, Request& out) noexcept;

  // The client has asked for it; racy by nature.
  [[nodiscard]] bool is_cancelled(std::uint64_t position) const noexcept {
    return A::load_relaxed(cold(position).cancel) == position + 1;
  }

  // Before the module is entered: from here on the calls [position, position + count) count as started.
  void start(std::uint32_t worker, std::uint64_t position, MonotonicNs deadline, std::uint32_t count = 1) noexcept {
    auto& line = progress(worker);
    A::store_relaxed(line.count, count);
    A::store_relaxed(line.deadline_ns, deadline);
    A::store_relaxed(line.check, progress_check(position + 1, deadline, count));
    A::step("lane.announcing");
    // SYNC lane.progress: release; pairs with acquire in LaneCaller::classify. Publishes: count, deadline and check.
    // Nothing of the module runs before it: a death in between leaves the calls queued.
    A::store_release(line.first_stamp, position + 1);
    A::step("lane.announced");
  }
  // After the last reply of what start() announced.
  void finish(std::uint32_t worker) noexcept { A::store_release(progress(worker).first_stamp, std::uint64_t{0}); }

  // Where an inline reply is written: slot_bytes bytes in the runner's own memory. Valid between poll() and
  // publish_reply(); holds what an earlier reply left there.
  [[nodiscard]] std::span<std::byte> reply_inline(std::uint64_t position) noexcept {
    return runner_.subspan(reply_offset(shape_, position) + sizeof(ReplyHeader), shape_.slot_bytes);
  }
  // `payload`: 0 for an inline reply, else the arena block's word. The position's slot belongs to the client
  // afterwards.
  void publish_reply(std::uint64_t position, CallStatus status, std::int32_t module_code, std::uint32_t bytes,
                     std::uint64_t payload = 0) noexcept {
    auto& header = reply(position);
    A::store_relaxed(header.payload, payload);
    A::store_relaxed(header.status, static_cast<std::uint32_t>(status));
    A::store_relaxed(header.module_code, static_cast<std::uint32_t>(module_code));
    A::store_relaxed(header.payload_bytes, bytes);
    A::step("lane.replying");
    // SYNC lane.reply: release; pairs with acquire in LaneCaller::poll and has_stamp. Publishes: reply header, payload.
    A::store_release(header.stamp, position + 1);
    A::step("lane.replied");
  }

  // Nothing at or beyond the returned position was or will be taken. Polling thread; every request before it must be
  // answered (now or later). Then ring closed_bell().
  std::uint64_t close() noexcept {
    // SYNC lane.closed: release; pairs with acquire in LaneCaller::close_verdict. A caller that publishes later finds
    // it before it sleeps: the bell is its futex word.
    A::store_release(control().closed, next_);
    A::store_release(control().closed_bell, std::uint32_t{1});
    closed_ = true;
    return next_;
  }
  [[nodiscard]] bool is_closed() const noexcept { return closed_; }

  // The client has finished with the reply of `position` (or of a later one in that slot), which lay in an arena.
  [[nodiscard]] bool is_released(std::uint64_t position) const noexcept {
    // SYNC lane.released: acquire; pairs with release in LaneCaller::release.
    const auto released = A::load_acquire(cold(position).released);
    return released != 0 && !ring::is_before(released, position + 1);
  }

  // The words to sleep on and to wake, and the flags beside them.
  [[nodiscard]] std::uint64_t next() const noexcept { return next_; }
  [[nodiscard]] const std::uint64_t& request_stamp() const noexcept { return request(next_).stamp; }
  [[nodiscard]] std::uint64_t& server_flag() noexcept { return control().server_awaits; }
  [[nodiscard]] const std::uint64_t& awaited_flag(std::uint64_t position) const noexcept {
    return cold(position).awaited;
  }
  [[nodiscard]] const std::uint64_t& reply_stamp(std::uint64_t position) noexcept { return reply(position).stamp; }
  [[nodiscard]] const std::uint32_t& closed_bell() noexcept { return control().closed_bell; }

  [[nodiscard]] const LaneShape& shape() const noexcept { return shape_; }

private:
  [[nodiscard]] const RequestHeader& request(std::uint64_t position) const noexcept {
    return *reinterpret_cast<const RequestHeader*>(client_.data() + request_offset(shape_, position));
  }
  [[nodiscard]] const ColdLine& cold(std::uint64_t position) const noexcept {
    return *reinterpret_cast<const ColdLine*>(client_.data() + cold_offset(shape_, position));
  }
  [[nodiscard]] ReplyHeader& reply(std::uint64_t position) noexcept {
    return *reinterpret_cast<ReplyHeader*>(runner_.data() + reply_offset(shape_, position));
  }
  [[nodiscard]] LaneControl& control() noexcept { return *reinterpret_cast<LaneControl*>(runner_.data()); }
  [[nodiscard]] Progress& progress(std::uint32_t worker) noexcept {
    return reinterpret_cast<Progress*>(runner_.data() + progress_offset)[worker];
  }

  LaneShape shape_;
  std::span<std::byte> runner_;
  std::span<const std::byte> client_;
  std::uint64_t next_; // polling thread only
  bool closed_ = false;
};

template <class A>
Taken LaneServer<A>::poll(const frame::ArenaViews& arenas, Request& out) noexcept {
  const auto& header = request(next_);
  // SYNC lane.request: acquire; pairs with release in LaneCaller::publish.
  if (A::load_acquire(header.stamp) != next_ + 1 || closed_) {
    return Taken::nothing;
  }
  const auto payload = A::load_relaxed(header.payload);
  const auto bytes = A::load_relaxed(header.payload_bytes);
  out.position = next_;
  out.deadline = A::load_relaxed(header.deadline_ns);
  out.method = A::load_relaxed(header.method);
  std::memcpy(out.chain.data(), header.chain, sizeof header.chain);
  const auto inline_bytes = client_.subspan(request_offset(shape_, next_) + sizeof(RequestHeader), shape_.slot_bytes);
  ++next_;
  if (payload == 0 && bytes <= shape_.slot_bytes) {
    out.payload = inline_bytes.first(bytes);
    return Taken::request;
  }
  const auto resolved =
      payload != 0 && bytes <= limits::payload_bytes_max ? arenas.resolve(payload, bytes) : std::nullopt;
  if (!resolved) {
    out.payload = {};
    return Taken::bad_request;
  }
  out.payload = *resolved;
  return Taken::request;
}

} // namespace ringfleet::call
