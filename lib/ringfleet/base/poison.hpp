#pragma once

// Memory that must not be touched at the moment, as AddressSanitizer knows it; in a build without it nothing at all.
//
// Poison belongs to addresses of one process, not to the shared memory behind them. So who may poison what:
//
//   * only a handle that is the sole user of its mapping of a ring in this process: it was attached for this handle,
//     and no other handle, thread or share() of the process reaches the ring through it. Whoever makes the handle says
//     so (`sole_user`), and ends it when somebody else comes (end_sole_use(), on the handle's own thread); a ring that
//     threads share is not poisoned. A channel's ends say so of a mapping that they made themselves, and end it before
//     they give anybody a way to it
//   * a reader poisons all blocks but those between its gate and what it has seen published: a view that is used after
//     its release is caught. A writer poisons all blocks but those of its open claim, and there the bytes that were not
//     asked for: what is written beyond a claim, or into it after the commit, is caught
//   * poison comes before the store that gives a block up, and goes after the load that hands it out
//   * whoever poisoned cleans up before the memory is unmapped: other memory may come to lie there

#include <cstddef>
#include <span>

#if defined(__SANITIZE_ADDRESS__)
#define RINGFLEET_POISONS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RINGFLEET_POISONS 1
#endif
#endif

#if defined(RINGFLEET_POISONS)
#include <sanitizer/asan_interface.h>
#endif

namespace ringfleet {

#if defined(RINGFLEET_POISONS)
inline constexpr bool can_poison = true;
#else
inline constexpr bool can_poison = false;
#endif

// Both begin on 8 bytes.
inline void poison([[maybe_unused]] std::span<const std::byte> memory) noexcept {
#if defined(RINGFLEET_POISONS)
  __asan_poison_memory_region(memory.data(), memory.size());
#endif
}
inline void unpoison([[maybe_unused]] std::span<const std::byte> memory) noexcept {
#if defined(RINGFLEET_POISONS)
  __asan_unpoison_memory_region(memory.data(), memory.size());
#endif
}

} // namespace ringfleet
