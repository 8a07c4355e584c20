#pragma once

// Proof of death, from the kernel: a pidfd that is ready, or a pid that nobody has or that belongs to a process of
// another start time. Whatever cannot be proven counts as alive.

#include "ringfleet/os/descriptor.hpp"
#include "ringfleet/ring/member_word.hpp"

#include <cstdint>
#include <optional>

namespace ringfleet::ring {

// Any thread; a few system calls, never blocks. False where no proof can be had (no descriptor is free). Processes of
// this PID namespace only.
[[nodiscard]] bool is_surely_dead(ActorMark actor) noexcept;

// Of a process that was alive when it was opened, and that is surely the one named; empty when that one is dead. Throws
// Error(no_descriptors).
[[nodiscard]] std::optional<os::Descriptor> open_living(ActorMark actor);

// The same for a producer of a ring with many, by its identity in the owner table.
[[nodiscard]] bool is_surely_dead_producer(std::uint64_t owner_identity) noexcept;
[[nodiscard]] std::optional<os::Descriptor> open_living_producer(std::uint64_t owner_identity);

} // namespace ringfleet::ring
