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

  // The thread that writes payloads to `lane` (a CallerLane or ServerLane): asks for an arena in which `bytes` bytes
  // find room and waits for it, for a bounded time that ends with `deadline`. Has one come?
  template <typename Lane>
  [[nodiscard]] bool obtain(Lane& lane, std::uint64_t bytes, MonotonicNs deadline) {
    const std::uint64_t size = lane.arena_growth_for(bytes);
    if (size == 0) {
      return false;
    }
    const std::uint32_t next = lane.next_arena_number();
    ask_and_wait(next, size, deadline);
    return lane.next_arena_number() != next;
  }

  // Control thread. Throw Error. `next`: the number of the first arena that is not in use yet; one that is keeps its
  // memory.
  void map_own(std::uint32_t number, std::uint32_t next, os::Descriptor arena);
  [[nodiscard]] std::span<std::byte> own(std::uint32_t number);
  [[nodiscard]] std::span<const std::byte> map_other(os::Descriptor arena);
  // An own arena has come into use, or will not come.
  void ring() noexcept;

private:
  // Until the control thread has rung.
  void ask_and_wait(std::uint32_t number, std::uint64_t bytes, MonotonicNs until);

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
