#pragma once

// What a test has asked of the heap, by new: how often this thread, for tests that promise not to; and what the whole
// process has and has not given back, for tests of what is kept. And where code without an atomics policy does so, the
// moment at which somebody else may act in its middle. Link allocations.cpp.

#include <cstdint>

namespace ringfleet::test {

[[nodiscard]] std::uint64_t allocations() noexcept;

// `act()` before each allocation of this thread, until told otherwise; null: nothing. It allocates nothing itself.
void before_each_allocation(void (*act)()) noexcept;

struct LiveAllocations {
  std::int64_t count = 0;
  std::int64_t bytes = 0;

  friend bool operator==(const LiveAllocations&, const LiveAllocations&) = default;
};
// Other threads may be at work meanwhile: then the two may be of different moments.
[[nodiscard]] LiveAllocations live_allocations() noexcept;

} // namespace ringfleet::test
