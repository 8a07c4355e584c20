#pragma once

// The arena segments of one lane as this process sees them: its own, which it writes, and the peer's. An own arena goes
// through: wanted (worker asks, waits) → offered (control thread maps it) → ready (the peer has mapped it, too: now it
// may be used).

#include "ringfleet/call/control_message.hpp"
#include "ringfleet/memory/segment.hpp"

#include <cstdint>
#include <list>
#include <span>

namespace ringfleet::runner {

class LaneArenas {
public:
  // `channel` must outlive this object.
  LaneArenas(std::uint64_t lane, call::ControlChannel& channel) noexcept : lane_(lane), channel_(channel) {}

  // The thread that writes payloads: asks for arena `number` of `bytes` bytes and waits for a bounded time until the
  // control thread has rung. Whether the arena has come is for the caller to see.
  void obtain(std::uint32_t number, std::uint64_t bytes);

  // Control thread. Throw Error.
  void map_own(std::uint32_t number, os::Descriptor arena);
  [[nodiscard]] std::span<std::byte> own(std::uint32_t number);
  [[nodiscard]] std::span<const std::byte> map_other(os::Descriptor arena);
  // An own arena has come into use, or will not come.
  void ring() noexcept;

private:
  struct Own {
    std::uint32_t number;
    memory::Segment segment;
  };

  std::uint64_t lane_;
  call::ControlChannel& channel_;
  std::list<Own> own_;               // control thread
  std::list<memory::Segment> other_; // control thread
  std::uint32_t bell_ = 0;
};

} // namespace ringfleet::runner
