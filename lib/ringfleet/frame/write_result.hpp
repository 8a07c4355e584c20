#pragma once

// What became of an attempt to write a message, and how a message is committed.

#include <cstdint>

namespace ringfleet::frame {

enum class WriteResult : std::uint8_t {
  written,
  full,            // the slowest reader has not made room yet; nothing was written
  stopped,         // stop() ended the wait; nothing was written
  too_large,       // above max_message, or larger than the arena: can never succeed
  needs_fragments, // above max_claim(): use write(), or a loan
  needs_wait,      // larger than the ring: readers must read while it is written; use write_until()
  no_arena         // this writer lends nothing
};

[[nodiscard]] constexpr const char* to_string(WriteResult result) noexcept {
  switch (result) {
  case WriteResult::written: return "written";
  case WriteResult::full: return "full";
  case WriteResult::stopped: return "stopped";
  case WriteResult::too_large: return "too_large";
  case WriteResult::needs_fragments: return "needs_fragments";
  case WriteResult::needs_wait: return "needs_wait";
  case WriteResult::no_arena: return "no_arena";
  }
  return "unknown";
}

struct CommitOptions {
  std::uint16_t kind = 0; // the user's
  bool publish = true;    // false: visible with the next commit that publishes, or flush()
};

} // namespace ringfleet::frame
