#pragma once

// The reply of one call while the module writes it: the C interface `ringfleet_reply` over memory that the runner owns.
// Worker thread only.

#include "module.h"

#include "ringfleet/call/status.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace ringfleet::runner {

// Where replies are written: the slot of a lane and its arena, or plain memory.
class ReplyMemory {
public:
  virtual ~ReplyMemory() = default;
  // The memory that costs nothing; may be empty. Called once per reply, before obtain().
  [[nodiscard]] virtual std::span<std::byte> first() noexcept = 0;
  // At least `bytes` bytes that begin with the first `keep` bytes of what was given before, which is void afterwards.
  // Empty: there is no room; what was given before stays.
  [[nodiscard]] virtual std::span<std::byte> obtain(std::uint64_t bytes, std::uint64_t keep) = 0;

protected:
  ReplyMemory() = default;
  ReplyMemory(const ReplyMemory&) = default;
  ReplyMemory& operator=(const ReplyMemory&) = default;
};

class ReplyWriter {
public:
  explicit ReplyWriter(ReplyMemory& memory) noexcept;
  ReplyWriter(const ReplyWriter&) = delete;
  ReplyWriter& operator=(const ReplyWriter&) = delete;

  [[nodiscard]] ringfleet_reply* c_interface() noexcept { return &interface_; }

  // Empty when there is no room; failure() then says why.
  [[nodiscard]] std::span<std::byte> reserve(std::uint64_t bytes);
  [[nodiscard]] bool set_length(std::uint64_t bytes) noexcept;
  bool write(std::span<const std::byte> bytes);

  [[nodiscard]] std::span<const std::byte> written() const noexcept { return room_.first(length_); }
  // ok, or no_space / too_large once a reserve or write has failed.
  [[nodiscard]] CallStatus failure() const noexcept { return failure_; }

private:
  static ReplyWriter& of(ringfleet_reply* reply) noexcept;

  ringfleet_reply interface_; // first member: the module holds a pointer to it
  ReplyMemory& memory_;
  std::span<std::byte> room_;
  std::uint64_t length_ = 0;
  CallStatus failure_ = CallStatus::ok;
};

} // namespace ringfleet::runner
