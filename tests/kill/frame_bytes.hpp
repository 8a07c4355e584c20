#pragma once

// What the messages of a world of frames hold: bytes that follow from a number, so that a reader sees a torn one.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace ringfleet::kill {

inline constexpr std::uint64_t max_message = 1'024;

class FrameBytes {
public:
  FrameBytes(std::uint64_t bytes, std::uint64_t number) : size_(bytes) {
    for (std::size_t i = 0; i < bytes; ++i) {
      bytes_[i] = static_cast<std::byte>((number * 0x9e37'79b9'7f4a'7c15 + i * 0x1234'5677) >> 24);
    }
  }
  [[nodiscard]] std::span<const std::byte> all() const { return std::span(bytes_).first(size_); }
  void copy_to(std::span<std::byte> to) const { std::memcpy(to.data(), bytes_.data(), size_); }
  [[nodiscard]] bool is(std::span<const std::byte> bytes) const {
    return std::equal(bytes.begin(), bytes.end(), all().begin(), all().end());
  }

private:
  std::array<std::byte, max_message> bytes_{};
  std::size_t size_;
};

// Tells one message from another.
[[nodiscard]] inline std::uint64_t sum_of(std::span<const std::byte> bytes) {
  std::uint64_t sum = bytes.size() + 1;
  for (const auto byte : bytes) {
    sum = sum * 0x1'0000'01b3 + static_cast<std::uint64_t>(byte);
  }
  return sum;
}

} // namespace ringfleet::kill
