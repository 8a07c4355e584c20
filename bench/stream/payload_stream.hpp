#pragma once

// What a stream of larger messages carries: bytes that stay the same but for the first and the last word, which are the
// number of the message. The source copies all of them into the transport, the sink reads all of them.

#include "ringfleet/base/error.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace ringfleet::bench {

// Of whole words. Written out so that the processor adds several at once however the compiler is called: the sink is
// to be as fast as the memory.
[[nodiscard]] inline std::uint64_t sum_of_words(std::span<const std::byte> bytes) noexcept {
  using Pair = std::uint64_t __attribute__((vector_size(16)));
  const auto pair_at = [](const std::byte* at) {
    Pair pair;
    std::memcpy(&pair, at, sizeof pair);
    return pair;
  };
  const std::byte* at = bytes.data();
  const std::byte* const end = at + bytes.size();
  Pair a{};
  Pair b{};
  Pair c{};
  Pair d{};
  for (; end - at >= 64; at += 64) {
    a += pair_at(at);
    b += pair_at(at + 16);
    c += pair_at(at + 32);
    d += pair_at(at + 48);
  }
  const Pair sums = a + b + c + d;
  std::uint64_t sum = sums[0] + sums[1];
  for (; end - at >= 8; at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, sizeof word);
    sum += word;
  }
  return sum;
}

class StreamPayload {
public:
  // A multiple of 8, at least 16.
  explicit StreamPayload(std::size_t bytes) : bytes_(bytes) {
    for (std::size_t i = 0; i < bytes; ++i) {
      bytes_[i] = static_cast<std::byte>(i % 251);
    }
  }
  [[nodiscard]] std::span<const std::byte> numbered(std::uint64_t number) noexcept {
    std::memcpy(bytes_.data(), &number, sizeof number);
    std::memcpy(bytes_.data() + bytes_.size() - sizeof number, &number, sizeof number);
    return bytes_;
  }

private:
  std::vector<std::byte> bytes_;
};

// The reader's account of a stream of such messages, numbered 0, 1, 2, …
class PayloadChecker {
public:
  explicit PayloadChecker(std::size_t bytes)
      : bytes_(bytes), sum_of_number_0_(sum_of_words(StreamPayload(bytes).numbered(0))) {}

  void check(std::span<const std::byte> message) noexcept {
    difference_ |= static_cast<std::uint64_t>(message.size() != bytes_);
    difference_ |= sum_of_words(message) ^ (sum_of_number_0_ + 2 * next_);
    ++next_;
  }
  [[nodiscard]] std::uint64_t checked() const noexcept { return next_; }
  void expect_intact() const {
    if (difference_ != 0) {
      throw Error(ErrorCode::bad_message, "the stream differs from what was sent");
    }
  }

private:
  std::size_t bytes_;
  std::uint64_t sum_of_number_0_;
  std::uint64_t next_ = 0;
  std::uint64_t difference_ = 0;
};

} // namespace ringfleet::bench
