#pragma once

// The payload of a round trip: different for each, so that an answer that belongs to another call is noticed.

#include "ringfleet/base/error.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace ringfleet::bench {

class Payload {
public:
  explicit Payload(std::size_t bytes) : sent_(bytes, std::byte{0x5a}), received_(bytes) {}

  // Changes first and last bytes.
  [[nodiscard]] std::span<const std::byte> next() noexcept {
    ++number_;
    std::memcpy(sent_.data(), &number_, sizeof number_);
    std::memcpy(sent_.data() + sent_.size() - sizeof number_, &number_, sizeof number_);
    return sent_;
  }
  // Where an answer that must be copied out goes.
  [[nodiscard]] std::span<std::byte> answer() noexcept { return received_; }
  void verify_answer() const { verify(received_); }
  void verify(std::span<const std::byte> answer) const {
    if (answer.size() != sent_.size() || std::memcmp(answer.data(), sent_.data(), sent_.size()) != 0) {
      throw Error(ErrorCode::bad_message, "the answer differs from what was sent");
    }
  }

private:
  std::uint64_t number_ = 0;
  std::vector<std::byte> sent_; // 16 bytes at least
  std::vector<std::byte> received_;
};

} // namespace ringfleet::bench
