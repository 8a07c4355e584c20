#pragma once

// The blocks of a ring that its one user in this process may touch, under AddressSanitizer; see base/poison.hpp for who
// may do this. Without it, or when there are other users, nothing.

#include "ringfleet/base/poison.hpp"
#include "ringfleet/frame/record_layout.hpp"

#include <algorithm>
#include <cstdint>
#include <span>

namespace ringfleet::frame {

// One thread at a time. The blocks must outlive it.
class BlockGuard {
public:
  // From here on none may be touched.
  BlockGuard(const FrameBlock* blocks, std::uint64_t capacity, bool is_sole_user) noexcept
      : blocks_(blocks), capacity_(can_poison && is_sole_user ? capacity : 0) {
    hide(0, capacity_);
  }
  BlockGuard(const BlockGuard&) = delete;
  BlockGuard& operator=(const BlockGuard&) = delete;
  ~BlockGuard() { show(0, capacity_); }

  // The blocks from position `first` on, `count` <= capacity, across the end of the ring if need be.
  void show(std::uint64_t first, std::uint64_t count) const noexcept { apply(&unpoison, first, count); }
  void hide(std::uint64_t first, std::uint64_t count) const noexcept { apply(&poison, first, count); }
  // Of blocks that lie in a row: the first `bytes` bytes and no more.
  void show_bytes(std::uint64_t first, std::uint64_t count, std::uint64_t bytes) const noexcept {
    if constexpr (can_poison) {
      if (capacity_ != 0) {
        hide(first, count);
        unpoison(std::as_bytes(std::span(blocks_ + (first & (capacity_ - 1)), count)).first(bytes));
      }
    }
  }

  // Others may use this mapping from now on: nothing is hidden any more.
  void end() noexcept {
    if constexpr (can_poison) {
      show(0, capacity_);
      capacity_ = 0;
    }
  }

private:
  void apply(void (*change)(std::span<const std::byte>) noexcept, std::uint64_t first,
             std::uint64_t count) const noexcept {
    if constexpr (can_poison) {
      if (capacity_ != 0) {
        const auto index = first & (capacity_ - 1);
        count = std::min(count, capacity_);
        const auto before_end = std::min(count, capacity_ - index);
        change(std::as_bytes(std::span(blocks_ + index, before_end)));
        change(std::as_bytes(std::span(blocks_, count - before_end)));
      }
    }
  }

  const FrameBlock* blocks_;
  std::uint64_t capacity_; // 0: nothing is guarded
};

} // namespace ringfleet::frame
