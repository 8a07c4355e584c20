#pragma once

// Memory that is exactly as long as it must be, for readers of what somebody else wrote: on the heap, so that
// AddressSanitizer sees an access one byte outside.

#include "ringfleet/base/cache_line.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <span>

namespace ringfleet::test {

// Zeroed and page-aligned.
class ExactMemory {
public:
  explicit ExactMemory(std::size_t bytes)
      : bytes_(bytes), memory_(static_cast<std::byte*>(::operator new(bytes, alignment)), Free{}) {
    std::memset(memory_.get(), 0, bytes);
  }
  [[nodiscard]] std::span<std::byte> span() const noexcept { return {memory_.get(), bytes_}; }
  [[nodiscard]] std::uint64_t& word(std::size_t index) const noexcept {
    return reinterpret_cast<std::uint64_t*>(memory_.get())[index];
  }

private:
  static constexpr std::align_val_t alignment{page_bytes};
  struct Free {
    void operator()(std::byte* memory) const noexcept { ::operator delete(memory, alignment); }
  };
  std::size_t bytes_;
  std::unique_ptr<std::byte, Free> memory_;
};

} // namespace ringfleet::test
