#pragma once

// Which of several runners takes the next call. Two rules: round-robin, and least-pending (the default), in which ties
// rotate. Pure and free of allocation, so that they run in the caller's thread on the call path; `turn` is a number
// that the caller advances by one per pick (it may be shared by threads and read racily: it only decides between
// equals).
//
// A target of weight w gets w of every sum-of-weights turns; excluded targets and those of weight 0 get none.

#include <cstddef>
#include <cstdint>
#include <span>

namespace ringfleet::policy {

struct Target {
  std::uint32_t pending = 0; // calls given to it and not answered; may be a racy reading
  std::uint32_t weight = 1;
  bool excluded = false; // draining, dead, ejected, or already tried by this call
};

inline constexpr std::size_t no_target = static_cast<std::size_t>(-1);

namespace detail {

[[nodiscard]] constexpr std::uint64_t share(const Target& target) noexcept {
  return target.excluded ? 0 : target.weight;
}

} // namespace detail

// The target whose turn it is; `no_target` when none is eligible. `view(index)` yields a Target by value: a caller that
// holds its targets in another form needs no copy of them all.
template <typename View>
[[nodiscard]] constexpr std::size_t pick_round_robin(std::size_t count, View&& view, std::uint64_t turn) noexcept {
  std::uint64_t shares = 0;
  for (std::size_t index = 0; index < count; ++index) {
    shares += detail::share(view(index));
  }
  if (shares == 0) {
    return no_target;
  }
  std::uint64_t ahead = turn % shares;
  std::size_t eligible = no_target;
  for (std::size_t index = 0; index < count; ++index) {
    const std::uint64_t share = detail::share(view(index));
    if (ahead < share) {
      return index;
    }
    ahead -= share;
    eligible = share != 0 ? index : eligible;
  }
  return eligible; // reached only when a target was excluded between the two passes
}

// The eligible target with the fewest pending calls per weight; among equals the one whose turn it is.
template <typename View>
[[nodiscard]] constexpr std::size_t pick_least_pending(std::size_t count, View&& view, std::uint64_t turn) noexcept {
  const std::size_t first = pick_round_robin(count, view, turn);
  if (first == no_target) {
    return no_target;
  }
  std::size_t best = no_target;
  std::uint64_t best_pending = 0;
  std::uint64_t best_weight = 1;
  for (std::size_t step = 0; step < count; ++step) {
    const std::size_t index = first + step < count ? first + step : first + step - count;
    const Target target = view(index);
    if (detail::share(target) == 0) {
      continue;
    }
    // pending / weight compared by cross products: exact, and 32 × 32 bits cannot overflow.
    if (best == no_target || target.pending * best_weight < best_pending * target.weight) {
      best = index;
      best_pending = target.pending;
      best_weight = target.weight;
    }
  }
  return best;
}

[[nodiscard]] constexpr std::size_t pick_round_robin(std::span<const Target> targets, std::uint64_t turn) noexcept {
  return pick_round_robin(targets.size(), [targets](std::size_t index) { return targets[index]; }, turn);
}

[[nodiscard]] constexpr std::size_t pick_least_pending(std::span<const Target> targets, std::uint64_t turn) noexcept {
  return pick_least_pending(targets.size(), [targets](std::size_t index) { return targets[index]; }, turn);
}

} // namespace ringfleet::policy
