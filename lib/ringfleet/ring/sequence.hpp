#pragma once

// A position in a ring, alone on its cache line, with the few verbs that may touch it. A position counts units since
// the ring began, is never masked in storage, and is compared by difference, so that nothing happens at 2^31, 2^32 or
// 2^63.
//
// `Sequence` is the plain word that lies in (shared) memory; the verbs are templates over the atomics policy.

#include "ringfleet/base/atomics.hpp"
#include "ringfleet/base/cache_line.hpp"

#include <cstdint>
#include <type_traits>

namespace ringfleet::ring {

struct alignas(cache_line_bytes) Sequence {
  std::uint64_t value;

  // Only the one writer of this sequence. Everything it wrote before becomes visible to whoever observes the value.
  template <class A = Atomics>
  void publish(std::uint64_t position) noexcept {
    // SYNC ring.sequence: release; pairs with acquire in observe. Publishes: the units below `position` (a cursor), or
    // that the reader has finished with them (a gate).
    A::store_release(value, position);
  }
  // Anybody.
  template <class A = Atomics>
  [[nodiscard]] std::uint64_t observe() const noexcept {
    // SYNC ring.sequence: acquire; pairs with release in publish.
    return A::load_acquire(value);
  }
  // The writer reading back its own value, or somebody who will observe() before touching a unit.
  template <class A = Atomics>
  [[nodiscard]] std::uint64_t peek_relaxed() const noexcept {
    return A::load_relaxed(value);
  }
};

static_assert(sizeof(Sequence) == cache_line_bytes);
static_assert(std::is_standard_layout_v<Sequence> && std::is_trivially_copyable_v<Sequence>);

// a is before b, by difference: right as long as the two are less than 2^63 apart.
[[nodiscard]] constexpr bool is_before(std::uint64_t a, std::uint64_t b) noexcept {
  return static_cast<std::int64_t>(a - b) < 0;
}

} // namespace ringfleet::ring
