#pragma once

// How often this thread has asked for heap memory, for tests that promise not to. Link allocations.cpp.

#include <cstdint>

namespace ringfleet::test {

[[nodiscard]] std::uint64_t allocations() noexcept;

} // namespace ringfleet::test
