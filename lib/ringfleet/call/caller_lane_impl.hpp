#pragma once

// The operations of CallerLane off the hot path; included where they are instantiated.

#include "ringfleet/call/caller_lane.hpp"
#include "ringfleet/ring/parking.hpp"

#include <cstring>
#include <new>
#include <utility>

namespace ringfleet::call {

template <class A>
BasicCallerLane<A>::BasicCallerLane(const LaneShape& shape, std::span<std::byte> client_body,
                                    std::span<const std::byte> runner_body, CallerLaneOptions options,
                                    std::uint64_t first_position)
    : lane_(shape, client_body, runner_body, first_position), options_(std::move(options)),
      ladder_(ring::ladder_for_this_process()) {}

template <class A>
Started BasicCallerLane<A>::start_slowly(const RequestFields& fields, std::span<const std::byte> payload,
                                         Delivery delivery, MonotonicNs until) {
  if (payload.size() > limits::payload_bytes_max) {
    return {StartStatus::too_large, 0};
  }
  frame::Block block;
  if (payload.size() > lane_.shape().slot_bytes) {
    const auto allocated = allocate(payload.size(), fields.deadline);
    if (!allocated) {
      return {StartStatus::no_space, 0};
    }
    block = *allocated;
    std::memcpy(block.bytes.data(), payload.data(), payload.size());
  }
  auto refuse = [&](StartStatus status) {
    free_block(block.payload);
    return Started{status, 0};
  };
  for (;;) {
    if (is_dead()) {
      return refuse(StartStatus::dead);
    }
    const auto claim = lane_.try_claim();
    switch (claim.kind) {
    case ClaimKind::claimed:
      if (block.payload != 0) {
        lane_.fill_arena(claim.position, fields, block.payload, static_cast<std::uint32_t>(payload.size()));
      } else {
        lane_.fill(claim.position, fields, payload);
      }
      publish(claim.position, delivery);
      return {StartStatus::started, claim.position};
    case ClaimKind::late: release(claim.position); break;
    case ClaimKind::movable:
      if (!move_aside(claim.position)) {
        return refuse(StartStatus::no_space);
      }
      break;
    case ClaimKind::closed: return refuse(StartStatus::closed);
    case ClaimKind::full:
      if (const auto status = wait_for_slot(claim.position, until); status != StartStatus::started) {
        return refuse(status);
      }
      break;
    }
  }
}

template <class A>
bool BasicCallerLane<A>::look(std::uint64_t position, Waited& out) const noexcept {
  if (look_at_reply(position, out)) {
    return true;
  }
  switch (lane_.close_verdict(position)) {
  case LaneCaller<A>::CloseVerdict::open:
  case LaneCaller<A>::CloseVerdict::will_be_answered: break;
  case LaneCaller<A>::CloseVerdict::never_executed: out.status = WaitStatus::never_executed; return true;
  case LaneCaller<A>::CloseVerdict::implausible: out.status = WaitStatus::bad_reply; return true;
  }
  if (is_dead()) {
    // The reply may have come between the look above and the death.
    const bool replied = fates_.of(position) == Fate::replied;
    const auto last = replied ? lane_.poll(position, reply_arenas_, out.reply) : Polled::pending;
    out.status = last == Polled::replied ? WaitStatus::replied : WaitStatus::dead;
    return true;
  }
  return false;
}

template <class A>
void BasicCallerLane<A>::wake_server(std::uint64_t position) noexcept {
  os::Host<A>::wake(ring::futex_half(lane_.request_stamp(position)));
}

template <class A>
void BasicCallerLane<A>::wait_slowly(std::uint64_t position, MonotonicNs deadline, Waited& out) {
  for (bool climbed = true;; climbed = false) {
    const bool stamped = !climbed && ladder_.template climb<A>([&] { return lane_.has_stamp(position); });
    if (look(position, out)) {
      return;
    }
    if (stamped || options_.mode == WaitMode::spin) {
      if (os::Host<A>::now() >= deadline) {
        out.status = WaitStatus::timed_out;
        return;
      }
      continue;
    }
    ring::announce_wait<A>(lane_.awaited_flag(position), position + 1);
    const auto seen = see(position);
    if (look(position, out)) {
      return;
    }
    const auto now = os::Host<A>::now();
    if (now >= deadline) {
      out.status = WaitStatus::timed_out;
      return;
    }
    park(position, seen, nullptr, deadline);
    ladder_.parked_for(os::Host<A>::now() - now);
  }
}

template <class A>
Waited BasicCallerLane<A>::collect(std::uint64_t position, MonotonicNs deadline) {
  if (lane_.take(position)) {
    return wait(position, deadline);
  }
  Waited waited;
  waited.status = WaitStatus::taken;
  const std::scoped_lock lock(moved_mutex_);
  const auto found = moved_.find(position);
  if (found != moved_.end()) {
    waited.status = found->second.polled == Polled::replied ? WaitStatus::replied : WaitStatus::bad_reply;
    waited.reply = found->second.reply;
    waited.moved_bytes = std::move(found->second.bytes);
    waited.reply.bytes = waited.moved_bytes;
    waited.moved = true;
    moved_.erase(found);
  }
  return waited;
}

template <class A>
bool BasicCallerLane<A>::is_ready(std::uint64_t position) const noexcept {
  return lane_.has_stamp(position) || !lane_.is_loose(position) || is_dead() ||
         lane_.close_verdict(position) == LaneCaller<A>::CloseVerdict::never_executed;
}

template <class A>
void BasicCallerLane<A>::abandon(std::uint64_t position) noexcept {
  lane_.abandon(position);
  announce_free_slot();
}

template <class A>
void BasicCallerLane<A>::abandon_loose(std::uint64_t position) noexcept {
  if (lane_.abandon_loose(position)) {
    announce_free_slot();
    return;
  }
  const std::scoped_lock lock(moved_mutex_);
  moved_.erase(position);
}

template <class A>
void BasicCallerLane<A>::mark_dead() {
  if (!is_dead()) {
    fates_ = lane_.classify();
    // SYNC lane.dead: release; pairs with acquire in is_dead. Publishes: fates_.
    A::store_release(dead_, std::uint32_t{1});
  }
}

template <class A>
std::span<const std::byte> BasicCallerLane<A>::request_payload(std::uint64_t position) const noexcept {
  const auto word = lane_.request_payload_word(position);
  if (word == 0) {
    return lane_.request_inline(position);
  }
  const std::scoped_lock lock(arena_mutex_);
  return request_arenas_.bytes_of(word, lane_.request_payload_bytes(position));
}

// The mover holds the lock from before it takes the call until its reply can be found: whoever fails to take the call
// and then locks, finds it. A second claimer that saw the same call finds the entry there and leaves it alone.
template <class A>
bool BasicCallerLane<A>::move_aside(std::uint64_t position) {
  try {
    const std::scoped_lock lock(moved_mutex_);
    const auto [found, is_new] = moved_.try_emplace(position);
    auto& entry = found->second;
    if (!is_new || !lane_.begin_move(position)) {
      if (is_new) {
        moved_.erase(found);
      }
      return true;
    }
    try {
      entry.polled = lane_.poll(position, reply_arenas_, entry.reply);
      entry.bytes.assign(entry.reply.bytes.begin(), entry.reply.bytes.end());
    } catch (const std::bad_alloc&) {
      moved_.erase(found);
      lane_.let_loose(position);
      return false;
    }
    release(position);
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

template <class A>
bool BasicCallerLane<A>::is_still_blocking(std::uint64_t position) const noexcept {
  const auto state = lane_.state_of_position(position);
  if (!state) {
    return false;
  }
  const bool freed_by_its_holder = *state == SlotState::held || *state == SlotState::moving;
  return freed_by_its_holder || !lane_.has_stamp(position);
}

// Sleeps on the reply that will make the slot free or movable, and on the word that a releasing thread changes.
template <class A>
StartStatus BasicCallerLane<A>::wait_for_slot(std::uint64_t blocking, MonotonicNs until) {
  auto freed = [&] { return !is_still_blocking(blocking); };
  const bool seems_free = ladder_.template climb<A>(freed);
  // Whatever it seems: a runner that takes its stamp back before the next claim looks must not keep the caller here.
  if (os::Host<A>::now() >= until) {
    return StartStatus::lane_full;
  }
  if (seems_free || options_.mode == WaitMode::spin) {
    return StartStatus::started;
  }
  // SYNC lane.slot_wait: exchange, then barrier; pairs with the barrier in announce_free_slot.
  A::fetch_add(slot_waiters_, std::uint32_t{1});
  const auto releases_seen = A::load_acquire(releases_);
  ring::announce_shared_wait<A>(lane_.awaited_flag(blocking), blocking + 1);
  const auto seen = see(blocking);
  if (!freed() && !is_dead() && !lane_.is_closed()) {
    park(blocking, seen, &releases_seen, until);
  }
  A::fetch_add(slot_waiters_, ~std::uint32_t{0});
  return StartStatus::started;
}

template <class A>
void BasicCallerLane<A>::wake_slot_waiters() noexcept {
  A::fetch_add(releases_, std::uint32_t{1});
  os::Host<A>::wake(releases_, false);
}

template <class A>
typename BasicCallerLane<A>::Seen BasicCallerLane<A>::see(std::uint64_t position) const noexcept {
  // The bell stays rung: who still waits for the reply of a lane that is closed sleeps on the value it has then.
  // SYNC lane.closed: acquire; pairs with release in LaneServer::close. Whoever sees the bell rung sees `closed`.
  return {A::load_acquire(lane_.reply_stamp(position)), A::load_acquire(lane_.closed_bell()), obituary_value()};
}

template <class A>
void BasicCallerLane<A>::park(std::uint64_t position, const Seen& seen, const std::uint32_t* releases_seen,
                              MonotonicNs deadline) {
  std::array<os::FutexWord, 4> words{};
  std::size_t count = 0;
  words[count++] = {&ring::futex_half(lane_.reply_stamp(position)), static_cast<std::uint32_t>(seen.stamp), true};
  words[count++] = {&lane_.closed_bell(), seen.closed_bell, true};
  if (options_.obituary != nullptr) {
    words[count++] = options_.obituary->park_word(seen.obituary);
  }
  if (releases_seen != nullptr) {
    words[count++] = {&releases_, *releases_seen, false};
  }
  // Whatever ends the sleep, the caller looks at the peer's words again.
  os::Host<A>::park(std::span(words).first(count), deadline);
}

template <class A>
std::optional<frame::Block> BasicCallerLane<A>::allocate(std::uint64_t bytes, MonotonicNs deadline) {
  auto attempt = [&] {
    const std::scoped_lock lock(arena_mutex_);
    return request_arenas_.allocate(bytes);
  };
  auto block = attempt();
  if (!block) {
    // Calls that were given up hold their blocks until somebody needs their slots.
    lane_.take_late([this](std::uint64_t position) { release(position); });
    block = attempt();
  }
  if (!block && options_.arena_wanted) {
    const Turn::Hold turn(growth_turn_, deadline);
    block = attempt();
    // Threads that did not have to ask may take the new room first; limits of the arenas end this.
    while (!block && turn && options_.arena_wanted(bytes, deadline)) {
      block = attempt();
    }
  }
  return block;
}

template <class A>
void BasicCallerLane<A>::free_block(std::uint64_t payload) noexcept {
  if (payload != 0) {
    const std::scoped_lock lock(arena_mutex_);
    request_arenas_.free(payload);
  }
}

template <class A>
std::uint32_t BasicCallerLane<A>::add_arena(std::span<std::byte> memory) {
  const std::scoped_lock lock(arena_mutex_);
  return request_arenas_.add(memory);
}

template <class A>
std::uint32_t BasicCallerLane<A>::next_arena_number() const {
  const std::scoped_lock lock(arena_mutex_);
  return request_arenas_.next_number();
}

template <class A>
std::uint64_t BasicCallerLane<A>::arena_growth_for(std::uint64_t bytes) const {
  const std::scoped_lock lock(arena_mutex_);
  return request_arenas_.growth_for(bytes);
}

} // namespace ringfleet::call
