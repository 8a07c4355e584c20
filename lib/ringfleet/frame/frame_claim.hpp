#pragma once

// What a frame writer hands out to be filled in place: a claim lies in the ring, a loan in the writer's arena. Either
// is aborted by its end unless it is committed, so that an exception on the way leaves nothing behind. The writer must
// stay where it is meanwhile.

#include "ringfleet/base/assert.hpp"
#include "ringfleet/base/clock.hpp"
#include "ringfleet/frame/write_result.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <utility>

namespace ringfleet::frame {

namespace detail {

[[nodiscard]] inline bool is_part_of(std::span<const std::byte> part, std::span<const std::byte> whole) noexcept {
  const std::less_equal<const std::byte*> is_not_after;
  return part.empty() || (is_not_after(whole.data(), part.data()) &&
                          is_not_after(part.data() + part.size(), whole.data() + whole.size()));
}

} // namespace detail

// `W` is a FrameWriter.
template <class W>
class FrameClaim {
public:
  FrameClaim(FrameClaim&& other) noexcept
      : writer_(std::exchange(other.writer_, nullptr)), first_(other.first_), reserved_(other.reserved_),
        bytes_(other.bytes_), result_(other.result_) {}
  FrameClaim& operator=(FrameClaim&& other) noexcept {
    FrameClaim moved(std::move(other));
    std::swap(writer_, moved.writer_);
    std::swap(first_, moved.first_);
    std::swap(reserved_, moved.reserved_);
    std::swap(bytes_, moved.bytes_);
    std::swap(result_, moved.result_);
    return *this;
  }
  ~FrameClaim() { abort(); }

  [[nodiscard]] explicit operator bool() const noexcept { return writer_ != nullptr; }
  // `written`: the bytes are there, or have been committed. Anything else: why there are none.
  [[nodiscard]] WriteResult result() const noexcept { return result_; }
  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return bytes_; }

  // The first `bytes` bytes are the message; returns its id. What is not used is free again.
  std::uint64_t commit(std::uint64_t bytes, const CommitOptions& options = {}) noexcept {
    RINGFLEET_ASSERT(writer_ != nullptr && bytes <= bytes_.size(), "a commit of more than was claimed");
    std::exchange(writer_, nullptr)->commit_claim(first_, reserved_, bytes, options);
    return first_;
  }
  // Any part of the claimed bytes is the message. It is moved to the front when it does not lie there.
  std::uint64_t commit(std::span<const std::byte> part, const CommitOptions& options = {}) noexcept {
    RINGFLEET_ASSERT(detail::is_part_of(part, bytes_), "a commit of bytes that were not claimed");
    if (!part.empty() && part.data() != bytes_.data()) {
      std::memmove(bytes_.data(), part.data(), part.size());
    }
    return commit(part.size(), options);
  }
  void abort() noexcept {
    if (writer_ != nullptr) {
      std::exchange(writer_, nullptr)->cancel_claim(first_, reserved_);
    }
  }

private:
  friend W;
  explicit FrameClaim(WriteResult refused) noexcept : result_(refused) {}
  FrameClaim(W& writer, std::uint64_t first, std::uint64_t reserved, std::span<std::byte> bytes) noexcept
      : writer_(&writer), first_(first), reserved_(reserved), bytes_(bytes) {}

  W* writer_ = nullptr;
  std::uint64_t first_ = 0;
  std::uint64_t reserved_ = 0; // blocks
  std::span<std::byte> bytes_;
  WriteResult result_ = WriteResult::written;
};

// Several loans of one writer may be open at the same time, and be committed in any order.
template <class W>
class FrameLoan {
public:
  FrameLoan(FrameLoan&& other) noexcept
      : writer_(std::exchange(other.writer_, nullptr)), ticket_(other.ticket_), bytes_(other.bytes_),
        result_(other.result_) {}
  FrameLoan& operator=(FrameLoan&& other) noexcept {
    FrameLoan moved(std::move(other));
    std::swap(writer_, moved.writer_);
    std::swap(ticket_, moved.ticket_);
    std::swap(bytes_, moved.bytes_);
    std::swap(result_, moved.result_);
    return *this;
  }
  ~FrameLoan() { abort(); }

  [[nodiscard]] explicit operator bool() const noexcept { return writer_ != nullptr; }
  [[nodiscard]] WriteResult result() const noexcept { return result_; }
  // 64-byte aligned.
  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return bytes_; }

  // Any part of the bytes is the message; nothing is moved or copied. `full`: the ring has no block for it as yet, and
  // the loan is still open.
  [[nodiscard]] WriteResult commit(std::span<const std::byte> part, const CommitOptions& options = {}) noexcept {
    RINGFLEET_ASSERT(writer_ != nullptr && detail::is_part_of(part, bytes_), "a commit of bytes that were not lent");
    return commit_with(part, options, 0);
  }
  // The same, but waits for that block, up to the deadline, or until the producer is stopped.
  [[nodiscard]] WriteResult commit_until(std::span<const std::byte> part, MonotonicNs deadline,
                                         const CommitOptions& options = {}) {
    RINGFLEET_ASSERT(writer_ != nullptr && detail::is_part_of(part, bytes_), "a commit of bytes that were not lent");
    return commit_with(part, options, deadline);
  }
  [[nodiscard]] WriteResult commit(std::uint64_t bytes, const CommitOptions& options = {}) noexcept {
    RINGFLEET_ASSERT(bytes <= bytes_.size(), "a commit of more than was lent");
    return commit(std::span<const std::byte>(bytes_.first(bytes)), options);
  }
  void abort() noexcept {
    if (writer_ != nullptr) {
      std::exchange(writer_, nullptr)->cancel_loan(ticket_);
    }
  }

private:
  friend W;
  explicit FrameLoan(WriteResult refused) noexcept : result_(refused) {}
  FrameLoan(W& writer, std::uint64_t ticket, std::span<std::byte> bytes) noexcept
      : writer_(&writer), ticket_(ticket), bytes_(bytes) {}

  // `deadline` 0: never waits.
  [[nodiscard]] WriteResult commit_with(std::span<const std::byte> part, const CommitOptions& options,
                                        MonotonicNs deadline) {
    const auto offset = part.empty() ? 0 : static_cast<std::uint64_t>(part.data() - bytes_.data());
    const auto result = writer_->commit_loan(ticket_, offset, part.size(), options, deadline);
    if (result == WriteResult::written) {
      writer_ = nullptr;
    }
    return result;
  }

  W* writer_ = nullptr;
  std::uint64_t ticket_ = 0;
  std::span<std::byte> bytes_;
  WriteResult result_ = WriteResult::written;
};

} // namespace ringfleet::frame
