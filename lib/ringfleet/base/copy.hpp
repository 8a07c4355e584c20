#pragma once

// Copies of a payload's size. Most payloads are a line or less, and for those a call into the C library costs as much
// as the copy; they are moved here by a few loads that overlap in the middle. Longer ones are the library's.

#include <cstddef>
#include <cstring>

namespace ringfleet {

namespace detail {

// Two loads of `N` bytes before two stores, so that any length from N to 2 N is covered without a loop.
template <std::size_t N>
inline void copy_overlapping(std::byte* to, const std::byte* from, std::size_t bytes) noexcept {
  struct Chunk {
    std::byte bytes[N];
  };
  Chunk first;
  Chunk last;
  std::memcpy(&first, from, N);
  std::memcpy(&last, from + bytes - N, N);
  std::memcpy(to, &first, N);
  std::memcpy(to + bytes - N, &last, N);
}

} // namespace detail

// The ranges must not overlap. `bytes` may be 0; then neither pointer is looked at.
inline void copy_bytes(std::byte* to, const std::byte* from, std::size_t bytes) noexcept {
  if (bytes > 64) {
    std::memcpy(to, from, bytes);
  } else if (bytes >= 32) {
    detail::copy_overlapping<32>(to, from, bytes);
  } else if (bytes >= 16) {
    detail::copy_overlapping<16>(to, from, bytes);
  } else if (bytes >= 8) {
    detail::copy_overlapping<8>(to, from, bytes);
  } else if (bytes >= 4) {
    detail::copy_overlapping<4>(to, from, bytes);
  } else {
    for (std::size_t i = 0; i < bytes; ++i) {
      to[i] = from[i];
    }
  }
}

} // namespace ringfleet
