#pragma once

// What a frame reader hands out, and how a read can end.

#include "ringfleet/base/limits.hpp"
#include "ringfleet/frame/loan_views.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace ringfleet::frame {

struct View {
  std::span<const std::byte> bytes;
  std::uint16_t kind = 0; // the writer's
  std::uint64_t id = 0;   // position of its first record: increasing, not dense
};

enum class ReadResult : std::uint8_t {
  message,
  empty,
  malformed, // last_fault() says why; all that was published by then has been skipped, and reading goes on after it
  held,      // as many views are held as this reader can hold: release one
  lapped,   // lossy readers: messages were overwritten before they were read; reading goes on where the reader was told
            // to
  detached, // nothing is left, and nothing more will come
  evicted   // what was read and not released is void; join again
};

[[nodiscard]] constexpr const char* to_string(ReadResult result) noexcept {
  switch (result) {
  case ReadResult::message: return "message";
  case ReadResult::empty: return "empty";
  case ReadResult::malformed: return "malformed";
  case ReadResult::held: return "held";
  case ReadResult::lapped: return "lapped";
  case ReadResult::detached: return "detached";
  case ReadResult::evicted: return "evicted";
  }
  return "unknown";
}

struct PollResult {
  std::uint64_t messages = 0;
  ReadResult ended = ReadResult::empty; // `message`: because `max` was reached
};

struct ReaderOptions {
  std::uint64_t max_message = limits::message_bytes_max_default; // in fragments, or copied
  std::uint32_t assemblies = 1; // messages in fragments at the same time: more than one for a shared ring
  std::uint32_t held_views = limits::held_views_default;
  const LoanViews* arenas = nullptr; // none: every loan is malformed
  bool sole_user = false;            // of this mapping of the ring, in this process; see base/poison.hpp
};

struct ReaderCounts {
  std::uint64_t malformed = 0; // times that `malformed` was reported
  // Of messages whose beginning this reader has not seen, or has given up. A lossy one: that began after it did.
  std::uint64_t fragments_lost = 0;
  std::uint64_t reassembled = 0; // messages that came in fragments
  std::uint64_t loans = 0;       // messages that lay in an arena
  std::uint64_t loans_void = 0;  // messages whose arena memory was taken back before this reader came
};

} // namespace ringfleet::frame
