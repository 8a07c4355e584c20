#pragma once

// A reader's view of the other side's arenas: turns a payload word into bytes, or refuses it. The word comes from a
// peer and may be anything.

#include "ringfleet/base/atomics.hpp"
#include "ringfleet/base/limits.hpp"
#include "ringfleet/frame/payload_word.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace ringfleet::frame {

// One thread opens arenas, any thread resolves, at the same time. Nothing blocks.
class ArenaViews {
public:
  // `memory` must outlive this object. False when the number is out of range or taken.
  [[nodiscard]] bool open(std::uint32_t number, std::span<const std::byte> memory) noexcept {
    if (number < 1 || number > views_.size() || Atomics::load_relaxed(views_[number - 1].address) != 0) {
      return false;
    }
    auto& view = views_[number - 1];
    Atomics::store_relaxed(view.bytes, std::uint64_t{memory.size()});
    // SYNC arena.view: release; pairs with acquire in resolve. Publishes: the length, and a mapping that is ready.
    Atomics::store_release(view.address, static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(memory.data())));
    return true;
  }

  // Empty when the word names no open arena, has a bit set that means nothing, or the range leaves the arena. The bytes
  // stay writable for their owner: a hostile one may change them while they are read.
  [[nodiscard]] std::optional<std::span<const std::byte>> resolve(std::uint64_t payload,
                                                                  std::uint64_t bytes) const noexcept {
    const auto number = arena_of(payload);
    const auto offset = offset_of(payload);
    if (number < 1 || number > views_.size() || payload_word(number, offset) != payload) {
      return std::nullopt;
    }
    const auto& view = views_[number - 1];
    // SYNC arena.view: acquire; pairs with release in open.
    const auto address = Atomics::load_acquire(view.address);
    const auto size = Atomics::load_relaxed(view.bytes);
    if (address == 0 || offset > size || bytes > size - offset) {
      return std::nullopt;
    }
    return std::span(reinterpret_cast<const std::byte*>(static_cast<std::uintptr_t>(address)) + offset, bytes);
  }

private:
  struct View {
    std::uint64_t address = 0;
    std::uint64_t bytes = 0;
  };
  std::array<View, limits::arenas_per_side_max> views_{};
};

} // namespace ringfleet::frame
