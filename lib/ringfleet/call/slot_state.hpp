#pragma once

// The process-local state of one lane slot: which position it serves and how far that call is, in one word, so that
// every step is one compare-exchange. The word only grows: position << 3 | state, and a slot serves position p, then
// p + slots, and so on. Positions are compared modulo 2^61.

#include "ringfleet/base/cache_line.hpp"

#include <cstdint>

namespace ringfleet::call {

enum class SlotState : std::uint64_t {
  free,      // for the position in the word
  held,      // claimed; only the thread that holds it fills it, looks at the reply and frees it
  loose,     // published, asynchronous, nobody waits: a claimer that needs the slot may move a finished reply away
  abandoned, // its caller gave up; whoever needs the slot frees it once the reply has come
  moving,    // one thread is moving a finished reply away, or freeing an abandoned slot
};

inline constexpr unsigned slot_state_bits = 3;
inline constexpr std::uint64_t slot_position_mask = ~std::uint64_t{0} >> slot_state_bits;

[[nodiscard]] constexpr std::uint64_t slot_word(std::uint64_t position, SlotState state) noexcept {
  return (position << slot_state_bits) | static_cast<std::uint64_t>(state);
}
[[nodiscard]] constexpr SlotState state_of(std::uint64_t word) noexcept {
  return static_cast<SlotState>(word & ((1U << slot_state_bits) - 1));
}
// How far the position in `word` lies beyond `position`: 0 when it is the same, modulo 2^61.
[[nodiscard]] constexpr std::uint64_t distance_of(std::uint64_t word, std::uint64_t position) noexcept {
  return ((word >> slot_state_bits) - position) & slot_position_mask;
}

// One line per slot: threads that use neighbouring slots do not share one.
struct alignas(cache_line_bytes) LocalSlot {
  std::uint64_t word = 0;
  std::uint64_t request_payload = 0; // arena block of the request, owned by whoever may free the slot
};

} // namespace ringfleet::call
