#include "ringfleet/frame/arena.hpp"

#include "ringfleet/base/assert.hpp"
#include "ringfleet/base/bits.hpp"
#include "ringfleet/base/cache_line.hpp"

#include <algorithm>
#include <bit>

namespace ringfleet::frame {

Arena::Arena(std::span<std::byte> memory) : memory_(memory) {
  const auto usable = memory.size() & ~(cache_line_bytes - 1);
  if (usable != 0) {
    insert_hole(0, usable);
  }
}

std::optional<std::uint64_t> Arena::allocate(std::uint64_t bytes) {
  if (bytes > memory_.size()) {
    return std::nullopt;
  }
  const auto rounded = round_up<std::uint64_t>(std::max<std::uint64_t>(bytes, 1), cache_line_bytes);
  const auto found = holes_by_size_.lower_bound({rounded, 0});
  if (found == holes_by_size_.end()) {
    return std::nullopt;
  }
  const auto [hole_bytes, offset] = *found;
  holes_by_size_.erase(found);
  holes_.erase(offset);
  if (hole_bytes > rounded) {
    insert_hole(offset + rounded, hole_bytes - rounded);
  }
  blocks_.emplace(offset, rounded);
  used_bytes_ += rounded;
  return offset;
}

void Arena::free(std::uint64_t offset) {
  const auto block = blocks_.find(offset);
  RINGFLEET_ASSERT(block != blocks_.end(), "an arena block is freed that is not allocated");
  auto bytes = block->second;
  blocks_.erase(block);
  used_bytes_ -= bytes;

  auto next = holes_.lower_bound(offset);
  if (next != holes_.end() && offset + bytes == next->first) {
    bytes += next->second;
    holes_by_size_.erase({next->second, next->first});
    next = holes_.erase(next);
  }
  if (next != holes_.begin()) {
    const auto previous = std::prev(next);
    if (previous->first + previous->second == offset) {
      offset = previous->first;
      bytes += previous->second;
      holes_by_size_.erase({previous->second, previous->first});
      holes_.erase(previous);
    }
  }
  insert_hole(offset, bytes);
}

void Arena::insert_hole(std::uint64_t offset, std::uint64_t bytes) {
  holes_.emplace(offset, bytes);
  holes_by_size_.emplace(bytes, offset);
}

std::optional<Block> ArenaSet::allocate(std::uint64_t bytes) {
  for (std::uint32_t index = 0; index < count_; ++index) {
    auto& arena = *arenas_[index];
    if (const auto offset = arena.allocate(bytes)) {
      return Block{payload_word(index + 1, *offset), arena.memory().subspan(*offset, bytes)};
    }
  }
  return std::nullopt;
}

void ArenaSet::free(std::uint64_t payload) {
  const auto number = arena_of(payload);
  RINGFLEET_ASSERT(number >= 1 && number <= count_, "a block of an arena that does not exist is freed");
  arenas_[number - 1]->free(offset_of(payload));
}

std::span<const std::byte> ArenaSet::bytes_of(std::uint64_t payload, std::uint64_t bytes) const noexcept {
  const auto number = arena_of(payload);
  RINGFLEET_ASSERT(number >= 1 && number <= count_, "a block of an arena that does not exist is read");
  return arenas_[number - 1]->memory().subspan(offset_of(payload), bytes);
}

std::uint64_t ArenaSet::growth_for(std::uint64_t bytes) const noexcept {
  if (count_ == limits::arenas_per_side_max || bytes > limits::arena_bytes_max) {
    return 0;
  }
  const auto fitting = std::bit_ceil(std::max<std::uint64_t>(bytes, limits::arena_bytes_first));
  const auto doubled = count_ == 0 ? fitting : 2 * std::uint64_t{arenas_[count_ - 1]->memory().size()};
  const auto left = limits::arena_bytes_per_side_max - total_bytes_;
  const auto wanted = std::min(std::max(fitting, std::bit_floor(doubled)), limits::arena_bytes_max);
  if (wanted <= left) {
    return wanted;
  }
  return fitting <= left ? fitting : 0;
}

std::uint32_t ArenaSet::add(std::span<std::byte> memory) {
  RINGFLEET_ASSERT(count_ < limits::arenas_per_side_max, "more arenas than a side may have");
  arenas_[count_].emplace(memory);
  total_bytes_ += memory.size();
  return ++count_;
}

std::uint64_t ArenaSet::used_bytes() const noexcept {
  std::uint64_t sum = 0;
  for (std::uint32_t index = 0; index < count_; ++index) {
    sum += arenas_[index]->used_bytes();
  }
  return sum;
}

} // namespace ringfleet::frame
