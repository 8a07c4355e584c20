#pragma once

// A reader's view of arenas that lend: turns what a loan record says into bytes, or refuses it. The record comes from a
// peer and may say anything.

#include "ringfleet/base/atomics.hpp"
#include "ringfleet/base/limits.hpp"
#include "ringfleet/frame/arena_views.hpp"
#include "ringfleet/frame/loan_layout.hpp"
#include "ringfleet/frame/payload_word.hpp"
#include "ringfleet/frame/record_layout.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace ringfleet::frame {

// One thread opens, any thread resolves. Nothing blocks.
class LoanViews {
public:
  // The whole segment of arena `number`, mapped read-only or not; it must outlive this. False when the number is out of
  // range or taken, or the segment is too small or not 64-byte aligned.
  [[nodiscard]] bool open(std::uint32_t number, std::span<const std::byte> segment) noexcept {
    if (number < 1 || number > lines_.size() || lines_[number - 1] != nullptr || lendable_bytes(segment.size()) == 0 ||
        reinterpret_cast<std::uintptr_t>(segment.data()) % alignof(ArenaLines) != 0) {
      return false;
    }
    lines_[number - 1] = reinterpret_cast<const ArenaLines*>(segment.data());
    // Whole lines: a lossy reader copies words, and looks at none beyond the end.
    return views_.open(number, segment.first(sizeof(ArenaLines) + lendable_bytes(segment.size())));
  }

  // Empty when the record names no open arena or leaves it.
  [[nodiscard]] std::optional<std::span<const std::byte>> resolve(const LoanRecord& loan) const noexcept {
    const auto offset = offset_of(loan.payload);
    return offset < sizeof(ArenaLines) ? std::nullopt : views_.resolve(loan.payload, loan.bytes);
  }
  // Of a record that resolved: has its writer taken the memory back? A reader whose gate holds the record asks once; a
  // lossy one asks after it has copied, and uses nothing of the copy if so.
  template <class A = Atomics>
  [[nodiscard]] bool is_void(const LoanRecord& loan) const noexcept {
    // SYNC arena.floor: acquire barrier between the copy and the floor; pairs with the release and the barrier in
    // LoanArena::take_back.
    A::load_barrier();
    return loan.position < A::load_relaxed(lines_[arena_of(loan.payload) - 1]->floor);
  }

private:
  ArenaViews views_;
  std::array<const ArenaLines*, limits::arenas_per_side_max> lines_{};
};

} // namespace ringfleet::frame
