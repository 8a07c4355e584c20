#pragma once

// Memory for payloads that do not fit a slot, and its allocator. The bytes are shared; the bookkeeping is not: it lives
// in the writer's heap, so there is nothing in shared memory that a reader could damage or that a death could leave
// half-changed. The writer allocates and frees; readers only ever resolve an offset.
//
// Best fit over two ordered indices, neighbours merged on free: O(log n).

#include "ringfleet/base/limits.hpp"
#include "ringfleet/frame/payload_word.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <utility>

namespace ringfleet::frame {

// One arena. Not thread-safe. The memory must outlive it; it need not be zero.
class Arena {
public:
  explicit Arena(std::span<std::byte> memory);

  // Offset of a block of at least `bytes` bytes, 64-byte aligned; empty when no hole is large enough. Never blocks.
  [[nodiscard]] std::optional<std::uint64_t> allocate(std::uint64_t bytes);
  // `offset` must come from allocate() and be freed once; anything else is a broken invariant.
  void free(std::uint64_t offset);

  [[nodiscard]] std::span<std::byte> memory() const noexcept { return memory_; }
  [[nodiscard]] std::uint64_t used_bytes() const noexcept { return used_bytes_; }

private:
  void insert_hole(std::uint64_t offset, std::uint64_t bytes);

  std::span<std::byte> memory_;
  std::map<std::uint64_t, std::uint64_t> holes_;                    // offset → bytes
  std::set<std::pair<std::uint64_t, std::uint64_t>> holes_by_size_; // (bytes, offset)
  std::map<std::uint64_t, std::uint64_t> blocks_;                   // offset → bytes
  std::uint64_t used_bytes_ = 0;
};

struct Block {
  std::uint64_t payload = 0;  // the payload word to pass on; 0: no block
  std::span<std::byte> bytes; // exactly as long as asked for
};

// All arenas of one side of a lane, numbered 1..16 in the order of growth. Not thread-safe.
class ArenaSet {
public:
  // Never blocks. Empty when no arena has room: see growth_for().
  [[nodiscard]] std::optional<Block> allocate(std::uint64_t bytes);
  void free(std::uint64_t payload);
  // A block that is allocated, or a part of it.
  [[nodiscard]] std::span<const std::byte> bytes_of(std::uint64_t payload, std::uint64_t bytes) const noexcept;

  // The size that the next arena should have so that `bytes` fit: twice the last one, or the next power of two that
  // holds it. 0 when a limit (number, bytes of this side, bytes of one arena) stands against it.
  [[nodiscard]] std::uint64_t growth_for(std::uint64_t bytes) const noexcept;

  // The number the next arena gets.
  [[nodiscard]] std::uint32_t next_number() const noexcept { return count_ + 1; }
  // Adds an arena that every reader has mapped already. Returns its number. The memory must outlive this object.
  std::uint32_t add(std::span<std::byte> memory);

  [[nodiscard]] std::uint64_t used_bytes() const noexcept;
  [[nodiscard]] std::uint64_t total_bytes() const noexcept { return total_bytes_; }

private:
  std::array<std::optional<Arena>, limits::arenas_per_side_max> arenas_;
  std::uint32_t count_ = 0;
  std::uint64_t total_bytes_ = 0;
};

} // namespace ringfleet::frame
