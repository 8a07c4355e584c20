#pragma once

// The same zeroed memory at several addresses, as processes see it, for handles that say they are the sole user of
// their mapping: under AddressSanitizer each one poisons its own view. In other builds, where nobody does, all views
// are one, so that ThreadSanitizer sees both sides.

#include "exact_memory.hpp"
#include "ringfleet/base/cache_line.hpp"
#include "ringfleet/base/poison.hpp"
#include "ringfleet/os/mapping.hpp"
#include "ringfleet/os/memory_file.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace ringfleet::test {

class MirroredMemory {
public:
  MirroredMemory(std::size_t bytes, std::size_t views) : bytes_(bytes) {
    if constexpr (can_poison) {
      const auto size = (bytes + page_bytes - 1) / page_bytes * page_bytes;
      const auto file = os::create_memory_file("mirrored", size);
      for (std::size_t view = 0; view < views; ++view) {
        mappings_.emplace_back(file.get(), size, os::Access::read_write, "mirrored");
      }
    } else {
      memory_.emplace(bytes);
    }
    reset(bytes);
  }
  MirroredMemory(const MirroredMemory&) = delete;
  MirroredMemory& operator=(const MirroredMemory&) = delete;
  ~MirroredMemory() {
    for (auto& mapping : mappings_) {
      unpoison(mapping.bytes());
    }
  }

  // Zero again, and `bytes` <= those of the beginning long. Nobody uses it meanwhile.
  void reset(std::size_t bytes) {
    bytes_ = bytes;
    for (auto& mapping : mappings_) {
      unpoison(mapping.bytes());
    }
    std::ranges::fill(mappings_.empty() ? memory_->span() : mappings_.front().writable_bytes(), std::byte{0});
    for (auto& mapping : mappings_) {
      poison(mapping.bytes().subspan(bytes));
    }
  }

  [[nodiscard]] std::span<std::byte> view(std::size_t number) {
    return (mappings_.empty() ? memory_->span() : mappings_[number].writable_bytes()).first(bytes_);
  }

private:
  std::size_t bytes_;
  std::vector<os::Mapping> mappings_;
  std::optional<ExactMemory> memory_;
};

} // namespace ringfleet::test
