#pragma once

// The operations of ServerLane off the hot path; included where they are instantiated.

#include "ringfleet/call/server_lane.hpp"
#include "ringfleet/ring/parking.hpp"

#include <cstring>
#include <utility>

namespace ringfleet::call {

template <class A>
BasicServerLane<A>::BasicServerLane(const LaneShape& shape, std::span<std::byte> runner_body,
                                    std::span<const std::byte> client_body, ServerLaneOptions options,
                                    std::uint64_t first_position)
    : lane_(shape, runner_body, client_body, first_position), options_(std::move(options)), blocks_(shape.slots) {}

template <class A>
bool BasicServerLane<A>::refuse_and_poll(Request& out) noexcept {
  for (;;) {
    ++bad_requests_;
    reply(out.position, CallStatus::bad_reply);
    const auto taken = lane_.poll(request_arenas_, out);
    if (taken != Taken::bad_request) {
      return taken == Taken::request;
    }
  }
}

template <class A>
ReplyBuffer BasicServerLane<A>::grow_reply_buffer(std::uint64_t position, std::uint64_t bytes,
                                                  std::uint64_t keep_bytes) {
  auto& current = block_of(position);
  const auto before = current.payload != 0 ? current.bytes : lane_.reply_inline(position);
  if (bytes <= before.size()) {
    return {CallStatus::ok, before};
  }
  if (bytes > limits::payload_bytes_max) {
    return {CallStatus::too_large, {}};
  }
  const auto block = allocate(bytes);
  if (block.payload == 0) {
    return {CallStatus::no_space, {}};
  }
  if (keep_bytes != 0) {
    std::memcpy(block.bytes.data(), before.data(), std::min<std::size_t>(keep_bytes, before.size()));
  }
  if (current.payload != 0) {
    const std::scoped_lock lock(arena_mutex_);
    reply_arenas_.free(current.payload);
  }
  current = block;
  return {CallStatus::ok, block.bytes};
}

template <class A>
std::uint64_t BasicServerLane<A>::hand_over_block(std::uint64_t position, std::uint32_t bytes) noexcept {
  const auto block = std::exchange(block_of(position), {});
  RINGFLEET_ASSERT(bytes <= block.bytes.size(), "a reply longer than its buffer");
  const std::scoped_lock lock(arena_mutex_);
  if (bytes == 0) {
    reply_arenas_.free(block.payload);
    return 0;
  }
  outstanding_.push_back({position, block.payload});
  return block.payload;
}

template <class A>
void BasicServerLane<A>::wake_caller(std::uint64_t position) noexcept {
  os::Host<A>::wake(ring::futex_half(lane_.reply_stamp(position)));
}

template <class A>
std::uint64_t BasicServerLane<A>::close() noexcept {
  const auto first_untaken = lane_.close();
  os::Host<A>::wake(lane_.closed_bell());
  return first_untaken;
}

template <class A>
frame::Block BasicServerLane<A>::allocate(std::uint64_t bytes) {
  auto attempt = [&]() -> frame::Block {
    const std::scoped_lock lock(arena_mutex_);
    collect_released();
    return reply_arenas_.allocate(bytes).value_or(frame::Block{});
  };
  auto block = attempt();
  if (block.payload == 0 && options_.arena_wanted) {
    const std::scoped_lock growing(growth_mutex_);
    block = attempt();
    if (block.payload == 0 && options_.arena_wanted(bytes)) {
      block = attempt();
    }
  }
  return block;
}

template <class A>
void BasicServerLane<A>::collect_released() {
  std::erase_if(outstanding_, [&](const Outstanding& entry) {
    const bool released = lane_.is_released(entry.position);
    if (released) {
      reply_arenas_.free(entry.payload);
    }
    return released;
  });
}

template <class A>
std::uint32_t BasicServerLane<A>::add_arena(std::span<std::byte> memory) {
  const std::scoped_lock lock(arena_mutex_);
  return reply_arenas_.add(memory);
}

template <class A>
std::uint32_t BasicServerLane<A>::next_arena_number() const {
  const std::scoped_lock lock(arena_mutex_);
  return reply_arenas_.next_number();
}

template <class A>
std::uint64_t BasicServerLane<A>::arena_growth_for(std::uint64_t bytes) const {
  const std::scoped_lock lock(arena_mutex_);
  return reply_arenas_.growth_for(bytes);
}

template <class A>
std::uint64_t BasicServerLane<A>::arena_used_bytes() const {
  const std::scoped_lock lock(arena_mutex_);
  return reply_arenas_.used_bytes();
}

} // namespace ringfleet::call
