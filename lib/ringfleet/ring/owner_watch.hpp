#pragma once

// A reader's view of its producer: is somebody producing, in which generation, and waiting for somebody who does. A
// death is known from the kernel; nothing is concluded from silence.

#include "ringfleet/base/clock.hpp"
#include "ringfleet/base/process_word.hpp"
#include "ringfleet/memory/obituary.hpp"
#include "ringfleet/memory/watcher.hpp"
#include "ringfleet/os/descriptor.hpp"
#include "ringfleet/ring/ring_space.hpp"

#include <cstdint>
#include <memory>
#include <optional>

namespace ringfleet::ring {

enum class Production : std::uint8_t {
  running,  // a living process owns the ring; where many produce, at least one
  detached, // nobody does; somebody may continue it
  replaced  // never again: another ring has the name now
};

// A pidfd of somebody who produces now: the one process, or where many do, any of them. Empty when nobody does.
// `owner`: space.owner(), of this PID namespace. A few system calls, never blocks. Throws Error(no_descriptors).
[[nodiscard]] std::optional<os::Descriptor> open_living_owner(const RingSpace& space, const Owner& owner);

// One thread at a time; dead() may be read by any.
class OwnerWatch {
public:
  // All must outlive it.
  OwnerWatch(const RingSpace& space, memory::Watcher& watcher, const memory::Obituary& obituary);
  ~OwnerWatch();
  OwnerWatch(const OwnerWatch&) = delete;
  OwnerWatch& operator=(const OwnerWatch&) = delete;

  // Two loads as long as the owner stays the same; a few system calls when there is a new one, which is watched from
  // then on. Throws Error: no_descriptors; wrong_state when the new owner lives in another PID namespace.
  [[nodiscard]] Production look();
  // The generation that look() last saw running; 0: none yet.
  [[nodiscard]] std::uint64_t generation() const noexcept { return generation_; }

  // Blocks until somebody produces, the ring is replaced, or the deadline (`detached`).
  [[nodiscard]] Production wait(MonotonicNs deadline);

  // Where many produce: not 0 after the death of one of them, until look() has found another one alive.
  // Not 0 when the owner that look() last saw running is dead; set before the obituary changes. For BarrierOptions.
  [[nodiscard]] const ProcessWord<std::uint32_t>& dead() const noexcept { return dead_; }

private:
  [[nodiscard]] bool watch_living_owner(const Owner& owner);

  const RingSpace& space_;
  memory::Watcher& watcher_;
  const memory::Obituary& obituary_;
  std::uint64_t word_seen_ = 0;
  std::uint64_t generation_ = 0;
  memory::Watcher::WatchId watch_ = 0;
  ProcessWord<std::uint32_t> dead_{1};
};

} // namespace ringfleet::ring
