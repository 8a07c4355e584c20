#pragma once

// Cuts a body into typed arrays, in order, each aligned; both sides carve the same list and arrive at the same places.
// Checks every step, so a body that is too small is an error before anything is touched.

#include "ringfleet/base/bits.hpp"
#include "ringfleet/base/error.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>

namespace ringfleet::memory {

template <typename Byte>
class BasicCarver {
  static_assert(std::is_same_v<std::remove_const_t<Byte>, std::byte>);
  template <typename T>
  using Element = std::conditional_t<std::is_const_v<Byte>, const T, T>;

public:
  // The body must be page-aligned, as segments' bodies are.
  explicit BasicCarver(std::span<Byte> body) noexcept : body_(body) {}

  // The next `count` elements. Throws Error(bad_segment) when the body ends before. The bytes are used as they are.
  template <typename T>
  [[nodiscard]] std::span<Element<T>> take(std::size_t count, std::size_t alignment = alignof(T)) {
    static_assert(std::is_standard_layout_v<T> && std::is_trivially_copyable_v<T>);
    const std::size_t padding = round_up(offset_, alignment) - offset_;
    const std::size_t left = body_.size() - offset_;
    if (padding > left || count > (left - padding) / sizeof(T)) {
      throw Error(ErrorCode::bad_segment, "carve " + std::to_string(count) + " elements of " +
                                              std::to_string(sizeof(T)) + " bytes at offset " +
                                              std::to_string(offset_ + padding) + ": the body has only " +
                                              std::to_string(body_.size()) + " bytes");
    }
    Byte* const start = body_.data() + offset_ + padding;
    offset_ += padding + count * sizeof(T);
    return {reinterpret_cast<Element<T>*>(start), count};
  }

  [[nodiscard]] std::size_t offset() const noexcept { return offset_; }

private:
  std::span<Byte> body_;
  std::size_t offset_ = 0;
};

using Carver = BasicCarver<std::byte>;
using ConstCarver = BasicCarver<const std::byte>;

} // namespace ringfleet::memory
