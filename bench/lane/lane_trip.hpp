#pragma once

// One call over a lane, verified: the payload differs from call to call, and so must the answer.

#include "harness/payload.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/call/caller_lane.hpp"

namespace ringfleet::bench {

inline constexpr std::uint32_t echo_method = 1;

[[nodiscard]] inline std::uint64_t start_or_throw(call::CallerLane& lane, std::span<const std::byte> argument,
                                                  call::Delivery delivery) {
  const auto started = lane.start({.method = echo_method}, argument, delivery, never);
  if (started.status != call::StartStatus::started) {
    throw Error(ErrorCode::wrong_state, "the lane refused a call");
  }
  return started.position;
}

inline void expect_ok(const call::Waited& waited) {
  if (waited.status != call::WaitStatus::replied || waited.reply.status != CallStatus::ok) {
    throw Error(ErrorCode::wrong_state, "a call over the lane failed");
  }
}

inline void trip_over(call::CallerLane& lane, Payload& payload) {
  const auto position = start_or_throw(lane, payload.next(), call::Delivery::held);
  const call::Waited waited = lane.wait(position, never);
  expect_ok(waited);
  payload.verify(waited.reply.bytes);
  lane.release(position);
}

} // namespace ringfleet::bench
