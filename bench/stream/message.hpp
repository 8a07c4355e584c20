#pragma once

// What a stream carries: messages whose every word depends on their number, so that one that is lost, doubled, torn or
// out of order is noticed. All words are written and all are read.

#include "ringfleet/base/error.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace ringfleet::bench {

template <std::size_t bytes>
struct Message {
  static_assert(bytes % sizeof(std::uint64_t) == 0);
  static constexpr std::size_t words_total = bytes / sizeof(std::uint64_t);
  std::array<std::uint64_t, words_total> words;

  void fill(std::uint64_t number) noexcept {
    for (std::size_t i = 0; i < words_total; ++i) {
      words[i] = number + i;
    }
  }
  // Zero when it is the message of that number.
  [[nodiscard]] std::uint64_t difference_from(std::uint64_t number) const noexcept {
    std::uint64_t difference = 0;
    for (std::size_t i = 0; i < words_total; ++i) {
      difference |= words[i] ^ (number + i);
    }
    return difference;
  }
};

// The reader's account of a stream of numbers 0, 1, 2, …
class Checker {
public:
  template <std::size_t bytes>
  void check(const Message<bytes>& message) noexcept {
    check(std::span(&message, 1));
  }
  template <std::size_t bytes>
  void check(std::span<const Message<bytes>> messages) noexcept {
    std::uint64_t difference = 0;
    std::uint64_t number = next_;
    for (const auto& message : messages) {
      difference |= message.difference_from(number++);
    }
    difference_ |= difference;
    next_ = number;
  }
  [[nodiscard]] std::uint64_t checked() const noexcept { return next_; }
  void expect_intact() const {
    if (difference_ != 0) {
      throw Error(ErrorCode::bad_message, "the stream differs from what was sent");
    }
  }

private:
  std::uint64_t next_ = 0;
  std::uint64_t difference_ = 0;
};

} // namespace ringfleet::bench
