#pragma once

// The outcomes of a call. One number each, the same in shared memory, in the API and in tables; new ones go at the end.

#include <cstdint>
#include <string_view>

namespace ringfleet {

enum class CallStatus : std::uint32_t {
  ok = 0,
  module_error,      // the module returned non-zero; its code stands beside the status
  unknown_method,    // the module has no such method
  unknown_module,    // the fleet has no such module
  deadline_exceeded, // the call may still execute; its reply is dropped
  cancelled,         // the runner refused or stopped it on request
  runner_lost,       // started, then its runner died; the cause stands beside the status
  no_runner,         // nothing serves the module
  lane_full,         // as many calls in flight as the lane has slots, until the deadline
  no_space,          // no arena memory for the payload or the reply
  too_large,         // payload or reply beyond limits::payload_bytes_max, or beyond what the ABI level allows
  bad_reply,         // a length or offset that lies outside the lane; its writer is to be stopped
  call_cycle,        // a nested call to a module that the request has already passed
  call_too_deep,     // a nested call beyond limits::call_depth_max
  module_exception,  // an exception reached the border of the module
  shut_down,         // the fleet or client is being destroyed
};

inline constexpr std::uint32_t call_status_count = 16;

// The name of the enumerator, e.g. "runner_lost".
[[nodiscard]] std::string_view to_string(CallStatus status) noexcept;

// One line for people, without a full stop.
[[nodiscard]] std::string_view text_of(CallStatus status) noexcept;

} // namespace ringfleet
