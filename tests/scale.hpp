#pragma once

// Counts are divided by this where a sanitizer makes every access ten times as slow.

namespace ringfleet::test {

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
inline constexpr unsigned scale_down = 20;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
inline constexpr unsigned scale_down = 20;
#else
inline constexpr unsigned scale_down = 1;
#endif
#else
inline constexpr unsigned scale_down = 1;
#endif

} // namespace ringfleet::test
