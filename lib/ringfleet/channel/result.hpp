#pragma once

// How publishing, waiting and reading on a channel can end.

#include <cstdint>

namespace ringfleet::channel {

enum class PublishResult : std::uint8_t {
  published,
  full,           // readers have not made room by the deadline; nothing was published
  no_readers,     // the bound of buffer_until_readers is reached, and nobody reads yet
  readers_failed, // a required reader is missing, and the channel was told to fail then; see RequiredReaders
  stopped,        // stop() ended the wait
  too_large,      // above max_message, or above the arena: can never succeed
  not_encodable,  // the codec refuses the value
  no_arena        // a loan from a channel without an arena, or by one of several publishers that asked for none
};

[[nodiscard]] constexpr const char* to_string(PublishResult result) noexcept {
  switch (result) {
  case PublishResult::published: return "published";
  case PublishResult::full: return "full";
  case PublishResult::no_readers: return "no_readers";
  case PublishResult::readers_failed: return "readers_failed";
  case PublishResult::stopped: return "stopped";
  case PublishResult::too_large: return "too_large";
  case PublishResult::not_encodable: return "not_encodable";
  case PublishResult::no_arena: return "no_arena";
  }
  return "unknown";
}

enum class WaitResult : std::uint8_t {
  ready, // there is something to read
  timed_out,
  stopped,  // stop() was called
  detached, // nobody publishes at present and everything was read; somebody may continue the channel
  replaced, // another channel has the name now: subscribe again
  evicted   // the publisher does not wait for this reader any more: subscribe again
};

[[nodiscard]] constexpr const char* to_string(WaitResult result) noexcept {
  switch (result) {
  case WaitResult::ready: return "ready";
  case WaitResult::timed_out: return "timed_out";
  case WaitResult::stopped: return "stopped";
  case WaitResult::detached: return "detached";
  case WaitResult::replaced: return "replaced";
  case WaitResult::evicted: return "evicted";
  }
  return "unknown";
}

} // namespace ringfleet::channel
