#pragma once

// The caller's half of the lane protocol: claim, fill, publish, look for the reply, give the slot back. Pure protocol:
// it takes its memory as spans and knows no thread, clock, kernel object or process; nothing here waits. `CallerLane`
// adds waiting, arenas and death.
//
// Claiming. A claim is one compare-exchange on a free slot, made when the request is ready to be copied in, so neither
// a deadline nor a throwing encoder can leave a hole in the sequence. The tail is only a hint (a plain store): any
// value it ever had is a position all of whose predecessors are claimed, and a claimer that finds it stale walks
// forward over the slot words, which are the truth.
//
// Any thread may call anything, except that a position belongs to the thread that claimed it until it is loose.

#include "ringfleet/base/assert.hpp"
#include "ringfleet/base/atomics.hpp"
#include "ringfleet/base/clock.hpp"
#include "ringfleet/base/copy.hpp"
#include "ringfleet/call/lane_fate.hpp"
#include "ringfleet/call/lane_layout.hpp"
#include "ringfleet/call/slot_state.hpp"
#include "ringfleet/call/status.hpp"
#include "ringfleet/frame/arena_views.hpp"
#include "ringfleet/ring/sequence.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

namespace ringfleet::call {

enum class ClaimKind : std::uint8_t {
  claimed,
  full,    // `position` is the call that occupies the slot
  movable, // full, but by a loose call that is answered: begin_move(position), copy, release, try again
  late,    // an abandoned slot has got its reply: release(position), try again
  closed,  // the runner takes no more calls
};

struct Claim {
  ClaimKind kind;
  std::uint64_t position;
};

struct RequestFields {
  std::uint32_t method = 0;
  MonotonicNs deadline = never;
  Chain chain{};
};

enum class Polled : std::uint8_t { pending, replied, bad_reply };

// A validated copy of a reply's header; `bytes` lie in the runner's memory (see DESIGN: hostile-mutable) and are valid
// until release().
struct ReplyView {
  CallStatus status = CallStatus::ok;
  std::int32_t module_code = 0;
  std::span<const std::byte> bytes;
};

template <class A = Atomics>
class LaneCaller {
public:
  // The spans are the bodies of the two segments and must outlive this object. `first_position` must be the server's.
  LaneCaller(const LaneShape& shape, std::span<std::byte> client_body, std::span<const std::byte> runner_body,
             std::uint64_t first_position = 0);

  // Never waits. After `claimed` the caller must fill the slot and publish() it without anything that can throw.
  [[nodiscard]] Claim try_claim() noexcept;

  // Inline payload: at most slot_bytes. Between claim and publish.
  void fill(std::uint64_t position, const RequestFields& fields, std::span<const std::byte> payload) noexcept;
  // Payload in an arena block of this side, which becomes the slot's: release() hands it back.
  void fill_arena(std::uint64_t position, const RequestFields& fields, std::uint64_t payload,
                  std::uint32_t bytes) noexcept;
  // From here on the runner may execute the call. `loose`: nobody waits for it yet (asynchronous).
  void publish(std::uint64_t position, bool loose) noexcept;

  // Loose → held by the caller. False when the slot has been taken by somebody else or moved away: exactly one thread
  // wins a loose call.
  [[nodiscard]] bool take(std::uint64_t position) noexcept {
    return exchange(position, SlotState::loose, SlotState::held);
  }
  // Loose → moving; same promise.
  [[nodiscard]] bool begin_move(std::uint64_t position) noexcept {
    return exchange(position, SlotState::loose, SlotState::moving);
  }
  // Held → loose: the waiter gave up.
  void let_loose(std::uint64_t position) noexcept { store_state(position, SlotState::loose); }

  // One load. Fetches the second line of the slot at the same time, so that both travel together.
  [[nodiscard]] bool has_stamp(std::uint64_t position) const noexcept {
    const auto& header = reply(position);
    __builtin_prefetch(reinterpret_cast<const std::byte*>(&header) + cache_line_bytes);
    // SYNC lane.reply: acquire; pairs with release in LaneServer::publish_reply.
    return A::load_acquire(header.stamp) == position + 1;
  }
  // Copies every field once and validates the copies. `bad_reply`: something no honest runner writes.
  [[nodiscard]] Polled poll(std::uint64_t position, const frame::ArenaViews& arenas, ReplyView& out) const noexcept;

  // Gives the slot back; the reply's bytes are void from here on. Returns the request's arena block, now the caller's
  // to free, or 0. Only who holds the call or moves it.
  [[nodiscard]] std::uint64_t release(std::uint64_t position) noexcept;
  // Held → abandoned: the call may still execute; its reply goes nowhere. A claimer frees the slot when the reply is
  // there.
  void abandon(std::uint64_t position) noexcept { store_state(position, SlotState::abandoned); }
  // A loose call is abandoned; false when it has been moved away or taken.
  [[nodiscard]] bool abandon_loose(std::uint64_t position) noexcept {
    return exchange(position, SlotState::loose, SlotState::abandoned);
  }
  // Asks the runner not to begin, or the module to stop. The reply decides what came of it.
  void cancel(std::uint64_t position) noexcept { A::store_release(cold(position).cancel, position + 1); }
  // Own memory. A cancelled call that its runner never started must not be sent elsewhere.
  [[nodiscard]] bool is_cancelled(std::uint64_t position) const noexcept {
    return A::load_relaxed(cold(position).cancel) == position + 1;
  }

  // Where the runner closed the lane, unless it is open. Not validated: see close_verdict().
  [[nodiscard]] bool is_closed() const noexcept {
    // SYNC lane.closed: acquire; pairs with release in LaneServer::close. Publishes: every reply below `closed`.
    return A::load_acquire(control().closed) != lane_is_open;
  }
  enum class CloseVerdict : std::uint8_t { open, will_be_answered, never_executed, implausible };
  [[nodiscard]] CloseVerdict close_verdict(std::uint64_t position) const noexcept;

  // The words to sleep on and the flag to raise before.
  [[nodiscard]] const std::uint64_t& reply_stamp(std::uint64_t position) const noexcept {
    return reply(position).stamp;
  }
  [[nodiscard]] const std::uint32_t& closed_bell() const noexcept { return control().closed_bell; }
  [[nodiscard]] std::uint64_t& awaited_flag(std::uint64_t position) noexcept { return cold(position).awaited; }
  // Of the runner: raised while it is parked.
  [[nodiscard]] const std::uint64_t& server_flag() const noexcept { return control().server_awaits; }
  [[nodiscard]] const std::uint64_t& request_stamp(std::uint64_t position) const noexcept {
    return request(position).stamp;
  }

  // After the runner's death is certain: reads progress, `closed` and all stamps, once. A stray child of the runner
  // that still writes cannot change the verdict.
  [[nodiscard]] LaneFates classify() const;

  // Calls visit(position) for each slot that is loose now.
  template <class Visit>
  void for_each_loose(Visit&& visit) const;
  // Calls visit(position) for each abandoned slot whose reply has come; it is the visitor's then, to release().
  template <class Visit>
  void take_late(Visit&& visit);
  // A call of this lane is published and neither released nor abandoned.
  [[nodiscard]] bool is_busy() const noexcept;
  // The request as it was published (own memory, so trustworthy): to send it elsewhere. Only who holds the call.
  [[nodiscard]] RequestFields request_fields(std::uint64_t position) const noexcept;
  // 0: the payload is inline.
  [[nodiscard]] std::uint64_t request_payload_word(std::uint64_t position) const noexcept {
    return A::load_relaxed(request(position).payload);
  }
  [[nodiscard]] std::uint32_t request_payload_bytes(std::uint64_t position) const noexcept {
    return A::load_relaxed(request(position).payload_bytes);
  }
  [[nodiscard]] std::span<const std::byte> request_inline(std::uint64_t position) const noexcept {
    return client_.subspan(request_offset(shape_, position) + sizeof(RequestHeader), request_payload_bytes(position));
  }

  [[nodiscard]] const LaneShape& shape() const noexcept { return shape_; }
  // One past the last claimed position. Exact when no claim is under way.
  [[nodiscard]] std::uint64_t tail() const noexcept;
  // Empty when the slot does not serve `position` any more.
  [[nodiscard]] std::optional<SlotState> state_of_position(std::uint64_t position) const noexcept {
    const auto word = A::load_acquire(local(position).word);
    return distance_of(word, position) == 0 ? std::optional(state_of(word)) : std::nullopt;
  }
  [[nodiscard]] bool is_loose(std::uint64_t position) const noexcept {
    return A::load_acquire(local(position).word) == slot_word(position, SlotState::loose);
  }

private:
  [[nodiscard]] RequestHeader& request(std::uint64_t position) const noexcept {
    return *reinterpret_cast<RequestHeader*>(client_.data() + request_offset(shape_, position));
  }
  [[nodiscard]] ColdLine& cold(std::uint64_t position) const noexcept {
    return *reinterpret_cast<ColdLine*>(client_.data() + cold_offset(shape_, position));
  }
  [[nodiscard]] const ReplyHeader& reply(std::uint64_t position) const noexcept {
    return *reinterpret_cast<const ReplyHeader*>(runner_.data() + reply_offset(shape_, position));
  }
  [[nodiscard]] const LaneControl& control() const noexcept {
    return *reinterpret_cast<const LaneControl*>(runner_.data());
  }
  [[nodiscard]] const Progress& progress(std::uint32_t worker) const noexcept {
    return reinterpret_cast<const Progress*>(runner_.data() + progress_offset)[worker];
  }
  [[nodiscard]] LocalSlot& local(std::uint64_t position) noexcept { return local_[position & (shape_.slots - 1)]; }
  [[nodiscard]] const LocalSlot& local(std::uint64_t position) const noexcept {
    return local_[position & (shape_.slots - 1)];
  }
  [[nodiscard]] bool exchange(std::uint64_t position, SlotState from, SlotState to) noexcept {
    auto expected = slot_word(position, from);
    return A::compare_exchange(local(position).word, expected, slot_word(position, to));
  }
  // Only the owner of the slot may, so nobody else is changing the word.
  void store_state(std::uint64_t position, SlotState to) noexcept {
    // SYNC lane.slot: release; pairs with acquire in try_claim, take and begin_move. Publishes: request_payload, and
    // that the owner has finished with the slot's bytes.
    A::store_release(local(position).word, slot_word(position, to));
  }
  // A caller with several calls in flight looks at their replies in order, and between two of them it claims, which
  // waits for its stores and keeps later loads back. So the reply after the next is asked for here. A caller with one
  // call in flight has both lines already: nobody writes them before its next call but one.
  void fetch_ahead(std::uint64_t position) const noexcept {
    const auto* const later = reinterpret_cast<const std::byte*>(&reply(position + 2));
    __builtin_prefetch(later);
    __builtin_prefetch(later + cache_line_bytes);
  }
  void fill_header(std::uint64_t position, const RequestFields& fields, std::uint64_t payload,
                   std::uint32_t bytes) noexcept;
  [[nodiscard]] Claim occupied(std::uint64_t position, std::uint64_t word) noexcept;

  LaneShape shape_;
  std::span<std::byte> client_;
  std::span<const std::byte> runner_;
  std::uint64_t first_position_;
  std::vector<LocalSlot> local_;
  alignas(cache_line_bytes) std::uint64_t tail_hint_;
};

} // namespace ringfleet::call

#include "ringfleet/call/lane_caller_impl.hpp"
