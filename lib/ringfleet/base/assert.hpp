#pragma once

// Assertions for broken invariants. RINGFLEET_ASSERT stays on in every build and belongs on cold paths;
// RINGFLEET_DEBUG_ASSERT is for hot paths and disappears with NDEBUG. The condition must have no side effect.

namespace ringfleet::detail {

[[noreturn]] void assertion_failed(const char* condition, const char* file, int line, const char* why) noexcept;

} // namespace ringfleet::detail

#define RINGFLEET_ASSERT(condition, why)                                                                               \
  (static_cast<bool>(condition) ? void(0) : ::ringfleet::detail::assertion_failed(#condition, __FILE__, __LINE__, why))

#ifdef NDEBUG
#define RINGFLEET_DEBUG_ASSERT(condition, why) void(0)
#else
#define RINGFLEET_DEBUG_ASSERT(condition, why) RINGFLEET_ASSERT(condition, why)
#endif
