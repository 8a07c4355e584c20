#pragma once

// The operations of LaneCaller; included by lane_caller.hpp only.

#include "ringfleet/call/lane_caller.hpp"

namespace ringfleet::call {

template <class A>
LaneCaller<A>::LaneCaller(const LaneShape& shape, std::span<std::byte> client_body,
                          std::span<const std::byte> runner_body, std::uint64_t first_position)
    : shape_(shape), client_(client_body), runner_(runner_body), first_position_(first_position), local_(shape.slots),
      tail_hint_(first_position) {
  RINGFLEET_ASSERT(is_valid(shape), "a lane shape outside the limits");
  RINGFLEET_ASSERT(client_body.size() >= client_body_bytes(shape), "the client's segment is smaller than its lane");
  RINGFLEET_ASSERT(runner_body.size() >= runner_body_bytes(shape), "the runner's segment is smaller than its lane");
  for (std::uint32_t i = 0; i < shape.slots; ++i) {
    local(first_position + i).word = slot_word(first_position + i, SlotState::free);
  }
}

// Cases, for the slot that `position` maps to:
// 1. free for `position`: exchange. Won: everything before is claimed, and so is this. Lost: look again.
// 2. in use by `position`: the hint was stale; go on with the next.
// 3. at a later lap q: `position` has been claimed and released since. If free for q, q - slots is the latest claim
// that
//    this slot proves; if in use by q, q itself is. Go on behind it.
// 4. at the lap before: the lane is full, unless that call can be freed or moved: see occupied().
// Each round of 2 and 3 moves forward and never past the true tail, so the walk is bounded by the slots.
template <class A>
Claim LaneCaller<A>::try_claim() noexcept {
  if (is_closed()) {
    return {ClaimKind::closed, 0};
  }
  // SYNC lane.tail: acquire; pairs with release below. Publishes: that every earlier position is claimed.
  auto position = A::load_acquire(tail_hint_);
  for (;;) {
    // SYNC lane.slot: acquire; pairs with release in store_state and release().
    auto word = A::load_acquire(local(position).word);
    const auto distance = distance_of(word, position);
    if (distance == 0) {
      if (state_of(word) != SlotState::free) {
        ++position;
      } else if (A::compare_exchange(local(position).word, word, slot_word(position, SlotState::held))) {
        A::step("lane.claimed");
        // SYNC lane.tail: release; pairs with acquire above. A slower claimer may set it back: it is a hint.
        A::store_release(tail_hint_, position + 1);
        return {ClaimKind::claimed, position};
      }
    } else if (distance <= slot_position_mask / 2) {
      position += state_of(word) == SlotState::free ? distance - shape_.slots + 1 : distance + 1;
    } else {
      const auto claim = occupied(position - shape_.slots, word);
      if (claim.kind != ClaimKind::claimed) {
        return claim;
      }
    }
  }
}

// Who sits in the slot that the next claim needs. `claimed` means: it changed meanwhile, look again.
// 1. held, moving: somebody will free it.
// 2. loose: answered? then it can be moved away.
// 3. abandoned: answered? then the one claimer that wins the exchange frees it.
template <class A>
Claim LaneCaller<A>::occupied(std::uint64_t position, std::uint64_t word) noexcept {
  RINGFLEET_DEBUG_ASSERT(distance_of(word, position) == 0, "a slot is more than a lap behind");
  switch (state_of(word)) {
  case SlotState::free: return {ClaimKind::claimed, 0};
  case SlotState::held:
  case SlotState::moving: return {ClaimKind::full, position};
  case SlotState::loose: return {has_stamp(position) ? ClaimKind::movable : ClaimKind::full, position};
  case SlotState::abandoned: break;
  }
  if (!has_stamp(position)) {
    return {ClaimKind::full, position};
  }
  return {exchange(position, SlotState::abandoned, SlotState::moving) ? ClaimKind::late : ClaimKind::claimed, position};
}

template <class A>
void LaneCaller<A>::fill_header(std::uint64_t position, const RequestFields& fields, std::uint64_t payload,
                                std::uint32_t bytes) noexcept {
  auto& header = request(position);
  std::memcpy(header.chain, fields.chain.data(), sizeof header.chain);
  A::store_relaxed(header.deadline_ns, fields.deadline);
  A::store_relaxed(header.payload, payload);
  A::store_relaxed(header.method, fields.method);
  A::store_relaxed(header.payload_bytes, bytes);
}

template <class A>
void LaneCaller<A>::fill(std::uint64_t position, const RequestFields& fields,
                         std::span<const std::byte> payload) noexcept {
  RINGFLEET_DEBUG_ASSERT(payload.size() <= shape_.slot_bytes, "an inline payload larger than its slot");
  copy_bytes(client_.data() + request_offset(shape_, position) + sizeof(RequestHeader), payload.data(), payload.size());
  fill_header(position, fields, 0, static_cast<std::uint32_t>(payload.size()));
  local(position).request_payload = 0;
}

template <class A>
void LaneCaller<A>::fill_arena(std::uint64_t position, const RequestFields& fields, std::uint64_t payload,
                               std::uint32_t bytes) noexcept {
  fill_header(position, fields, payload, bytes);
  local(position).request_payload = payload;
}

template <class A>
void LaneCaller<A>::publish(std::uint64_t position, bool loose) noexcept {
  if (loose) {
    store_state(position, SlotState::loose);
  }
  A::step("lane.filled");
  // SYNC lane.request: release; pairs with acquire in LaneServer::poll. Publishes: request header, payload, chain.
  A::store_release(request(position).stamp, position + 1);
  A::step("lane.published");
}

template <class A>
Polled LaneCaller<A>::poll(std::uint64_t position, const frame::ArenaViews& arenas, ReplyView& out) const noexcept {
  const auto& header = reply(position);
  // SYNC lane.reply: acquire; pairs with release in LaneServer::publish_reply.
  const auto stamp = A::load_acquire(header.stamp);
  if (stamp != position + 1) {
    const bool previous_lap = stamp == position + 1 - shape_.slots;
    const bool first_lap = stamp == 0 && position - first_position_ < shape_.slots;
    return previous_lap || first_lap ? Polled::pending : Polled::bad_reply;
  }
  fetch_ahead(position);
  const auto payload = A::load_relaxed(header.payload);
  const auto bytes = A::load_relaxed(header.payload_bytes);
  const auto status = A::load_relaxed(header.status);
  const auto code = A::load_relaxed(header.module_code);
  if (status >= call_status_count || bytes > limits::payload_bytes_max) {
    return Polled::bad_reply;
  }
  out.status = static_cast<CallStatus>(status);
  out.module_code = static_cast<std::int32_t>(code);
  if (payload == 0) {
    if (bytes > shape_.slot_bytes) {
      return Polled::bad_reply;
    }
    out.bytes = runner_.subspan(reply_offset(shape_, position) + sizeof(ReplyHeader), bytes);
    return Polled::replied;
  }
  const auto resolved = arenas.resolve(payload, bytes);
  if (!resolved) {
    return Polled::bad_reply;
  }
  out.bytes = *resolved;
  return Polled::replied;
}

template <class A>
std::uint64_t LaneCaller<A>::release(std::uint64_t position) noexcept {
  if (A::load_relaxed(reply(position).payload) != 0) {
    // SYNC lane.released: release; pairs with acquire in LaneServer::collect_released. Publishes: that the reply's
    // block is not read any more.
    A::store_release(cold(position).released, position + 1);
  }
  auto& slot = local(position);
  const auto request_block = slot.request_payload;
  slot.request_payload = 0;
  // SYNC lane.slot: release; pairs with acquire in try_claim. Publishes: that the slot's bytes are not read any more.
  A::store_release(slot.word, slot_word(position + shape_.slots, SlotState::free));
  return request_block;
}

template <class A>
typename LaneCaller<A>::CloseVerdict LaneCaller<A>::close_verdict(std::uint64_t position) const noexcept {
  // SYNC lane.closed: acquire; pairs with release in LaneServer::close.
  const auto closed = A::load_acquire(control().closed);
  if (closed == lane_is_open) {
    return CloseVerdict::open;
  }
  if (tail() - closed > shape_.slots) {
    return CloseVerdict::implausible;
  }
  return ring::is_before(position, closed) ? CloseVerdict::will_be_answered : CloseVerdict::never_executed;
}

template <class A>
std::uint64_t LaneCaller<A>::tail() const noexcept {
  auto position = A::load_acquire(tail_hint_);
  for (;;) {
    const auto word = A::load_acquire(local(position).word);
    const auto distance = distance_of(word, position);
    if (distance > slot_position_mask / 2 || (distance == 0 && state_of(word) == SlotState::free)) {
      return position;
    }
    position += distance != 0 && state_of(word) == SlotState::free ? distance - shape_.slots + 1 : distance + 1;
  }
}

template <class A>
LaneFates LaneCaller<A>::classify() const {
  LaneFates fates;
  const auto closed = A::load_acquire(control().closed);
  std::array<bool, limits::workers_max> is_busy{};
  for (std::uint32_t worker = 0; worker < shape_.workers; ++worker) {
    const auto& line = progress(worker);
    // SYNC lane.progress: acquire; pairs with release in LaneServer::start. Publishes: count, deadline and check.
    const auto first_stamp = A::load_acquire(line.first_stamp);
    const auto count = A::load_relaxed(line.count);
    const auto expected = progress_check(first_stamp, A::load_relaxed(line.deadline_ns), count);
    if (first_stamp != 0) {
      is_busy[worker] = true;
      fates.executing[worker] = {first_stamp - 1, count};
      fates.all_started |= A::load_relaxed(line.check) != expected;
    }
  }
  fates.stamps.resize(shape_.slots);
  for (std::uint32_t i = 0; i < shape_.slots; ++i) {
    const auto position = first_position_ + i;
    const auto word = A::load_acquire(local(position).word);
    const auto stamp = A::load_acquire(reply(position).stamp);
    fates.stamps[position & (shape_.slots - 1)] = stamp;
    const auto distance = distance_of(word, stamp - 1);
    const bool plausible = stamp == 0 ? distance_of(word, position) == 0 : distance == 0 || distance == shape_.slots;
    fates.all_started |= !plausible;
  }
  // A batch begins at or after the lane's first position and ends at or before the tail. How far it is behind the tail
  // says nothing: a worker that has replied but
  // not yet taken its announcement back may be overtaken by any number of calls of the other workers, and a batch
  // behind the calls in flight covers none of them.
  const auto end = tail();
  for (std::uint32_t worker = 0; worker < shape_.workers; ++worker) {
    const auto& range = fates.executing[worker];
    const auto to_the_tail = static_cast<std::int64_t>(end - range.first);
    const bool plausible = range.count != 0 && range.count <= shape_.slots && to_the_tail >= range.count &&
                           !ring::is_before(range.first, first_position_);
    fates.all_started |= is_busy[worker] && !plausible;
  }
  fates.all_started |= closed != lane_is_open && end - closed > shape_.slots;
  return fates;
}

template <class A>
template <class Visit>
void LaneCaller<A>::for_each_loose(Visit&& visit) const {
  const auto end = tail();
  for (std::uint64_t back = shape_.slots; back > 0; --back) {
    const auto position = end - back;
    if (A::load_acquire(local(position).word) == slot_word(position, SlotState::loose)) {
      visit(position);
    }
  }
}

template <class A>
template <class Visit>
void LaneCaller<A>::take_late(Visit&& visit) {
  const auto end = tail();
  for (std::uint64_t back = shape_.slots; back > 0; --back) {
    const auto position = end - back;
    if (A::load_acquire(local(position).word) == slot_word(position, SlotState::abandoned) && has_stamp(position) &&
        exchange(position, SlotState::abandoned, SlotState::moving)) {
      visit(position);
    }
  }
}

template <class A>
bool LaneCaller<A>::is_busy() const noexcept {
  for (const auto& slot : local_) {
    const auto state = state_of(A::load_acquire(slot.word));
    if (state != SlotState::free && state != SlotState::abandoned) {
      return true;
    }
  }
  return false;
}

template <class A>
RequestFields LaneCaller<A>::request_fields(std::uint64_t position) const noexcept {
  const auto& header = request(position);
  RequestFields fields{A::load_relaxed(header.method), A::load_relaxed(header.deadline_ns), {}};
  std::memcpy(fields.chain.data(), header.chain, sizeof header.chain);
  return fields;
}

} // namespace ringfleet::call
