#pragma once

// Layer 1, the writing side: messages of any length on a ring of blocks.
//
//   claim(n) → fill the bytes in place → commit          write(bytes): the same with a copy
//   loan(n)  → fill the bytes in place → commit          for what is large, or is to be kept without copying
//
// A claim that is aborted, or forgotten by an exception, leaves nothing behind. Several commits become visible by one
// store with {.publish = false} and flush(). A message above a quarter of the ring is written in fragments; readers get
// it whole or not at all.

#include "ringfleet/base/assert.hpp"
#include "ringfleet/base/clock.hpp"
#include "ringfleet/base/limits.hpp"
#include "ringfleet/frame/claim_window.hpp"
#include "ringfleet/frame/fragment_plan.hpp"
#include "ringfleet/frame/record.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

namespace ringfleet::frame {

enum class WriteResult : std::uint8_t {
  written,
  full,            // the slowest reader has not made room yet; nothing was written
  too_large,       // above max_message, or larger than the arena: can never succeed
  needs_fragments, // above max_claim(): use write(), or a loan
  needs_wait,      // larger than the ring: readers must read while it is written; use write_until()
  no_arena         // this writer lends nothing
};

[[nodiscard]] constexpr const char* to_string(WriteResult result) noexcept {
  switch (result) {
  case WriteResult::written: return "written";
  case WriteResult::full: return "full";
  case WriteResult::too_large: return "too_large";
  case WriteResult::needs_fragments: return "needs_fragments";
  case WriteResult::needs_wait: return "needs_wait";
  case WriteResult::no_arena: return "no_arena";
  }
  return "unknown";
}

struct WriterOptions {
  std::uint64_t max_message = limits::message_bytes_max_default;
};

struct CommitOptions {
  std::uint16_t kind = 0; // the user's
  bool publish = true;    // false: visible with the next commit that publishes, or flush()
};

// One thread of one process at a time. `P` is ring::Producer<FrameBlock>, or behaves like it; it must outlive this, and
// nobody else may claim from it. If this process dies, readers see the messages that were published, and no part of
// another one.
template <class P, class A = Atomics>
class FrameWriter {
public:
  class Claim;

  FrameWriter(P& producer, std::uint64_t capacity, const WriterOptions& options = {})
      : source_(producer, capacity), capacity_(capacity), options_(options) {
    RINGFLEET_ASSERT(capacity >= frame_capacity_min, "a frame ring has at least four blocks");
  }
  FrameWriter(const FrameWriter&) = delete;
  FrameWriter& operator=(const FrameWriter&) = delete;

  // What one record holds, and so what claim() gives at most.
  [[nodiscard]] std::uint64_t max_claim() const noexcept {
    return std::min(record_bytes_max(capacity_), options_.max_message);
  }
  [[nodiscard]] std::uint64_t max_message() const noexcept { return options_.max_message; }

  // `bytes` bytes in a row, 16-byte aligned, to be filled and committed. One claim at a time. Never waits, never enters
  // the kernel.
  [[nodiscard]] Claim claim(std::uint64_t bytes) {
    return claim_with(bytes,
                      [this](std::uint64_t blocks, std::uint64_t& first) { return source_.reserve(blocks, first); });
  }
  // The same, but waits for the readers, up to the deadline or until the obituary changes.
  [[nodiscard]] Claim claim_until(std::uint64_t bytes, MonotonicNs deadline) {
    return claim_with(bytes, [this, deadline](std::uint64_t blocks, std::uint64_t& first) {
      return source_.reserve_until(blocks, first, deadline);
    });
  }

  // A message of any length up to max_message, copied. All of it or nothing. Never waits.
  [[nodiscard]] WriteResult write(std::span<const std::byte> bytes, const CommitOptions& options = {}) {
    if (bytes.size() <= max_claim()) {
      return copy_into(claim(bytes.size()), bytes, options);
    }
    if (bytes.size() > options_.max_message) {
      return WriteResult::too_large;
    }
    const auto blocks = fragment_blocks(bytes.size(), record_blocks_max(capacity_));
    if (blocks > capacity_) {
      return WriteResult::needs_wait;
    }
    std::uint64_t first = 0;
    if (!settle_abort() || source_.reserve_run(blocks, first) != ring::ClaimResult::claimed) {
      return WriteResult::full;
    }
    FragmentPlan plan(bytes.size());
    auto position = first;
    while (!plan.is_done()) {
      position += put_fragment(position, first, record_blocks_max(capacity_), plan, bytes, options.kind);
    }
    source_.finish(first, blocks, position - first);
    committed(first, options.publish);
    return WriteResult::written;
  }
  // The same, but waits for the readers. A message in fragments becomes visible piece by piece; when it cannot be
  // finished by the deadline, the answer is `full`, readers drop what they had of it, and what follows is not affected.
  [[nodiscard]] WriteResult write_until(std::span<const std::byte> bytes, MonotonicNs deadline,
                                        const CommitOptions& options = {}) {
    if (bytes.size() <= max_claim()) {
      return copy_into(claim_until(bytes.size(), deadline), bytes, options);
    }
    if (bytes.size() > options_.max_message) {
      return WriteResult::too_large;
    }
    FragmentPlan plan(bytes.size());
    std::uint64_t message = 0;
    while (!plan.is_done()) {
      const auto blocks = plan.blocks_wanted(record_blocks_max(capacity_));
      std::uint64_t first = 0;
      if (!settle_abort() || source_.reserve_until(blocks, first, deadline) != ring::ClaimResult::claimed) {
        if (plan.offset() != 0) {
          owed_abort_ = message;
          is_abort_owed_ = true;
          (void)settle_abort();
        }
        return WriteResult::full;
      }
      message = plan.offset() == 0 ? first : message;
      const auto used = put_fragment(first, message, blocks, plan, bytes, options.kind);
      source_.finish(first, blocks, used);
      A::step("frame.fragment");
      source_.flush();
    }
    last_id_ = message;
    return WriteResult::written;
  }

  // Makes every commit so far visible, by one store; wakes readers that wait for it.
  void flush() noexcept { source_.flush(); }

  // The id of the message committed last.
  [[nodiscard]] std::uint64_t last_id() const noexcept { return last_id_; }

private:
  template <class Reserve>
  [[nodiscard]] Claim claim_with(std::uint64_t bytes, Reserve&& reserve) {
    RINGFLEET_DEBUG_ASSERT(!is_claimed_, "a second claim while the first is neither committed nor aborted");
    if (bytes > max_claim()) {
      return Claim(bytes > options_.max_message ? WriteResult::too_large : WriteResult::needs_fragments);
    }
    const auto blocks = blocks_of(bytes);
    std::uint64_t first = 0;
    if (!settle_abort() || reserve(blocks, first) != ring::ClaimResult::claimed) {
      return Claim(WriteResult::full);
    }
    A::step("frame.claimed");
    is_claimed_ = true;
    return Claim(*this, first, blocks, std::span(source_.block(first).bytes + record_header_bytes, bytes));
  }

  static WriteResult copy_into(Claim&& claim, std::span<const std::byte> bytes, const CommitOptions& options) {
    if (claim && !bytes.empty()) {
      std::memcpy(claim.bytes().data(), bytes.data(), bytes.size());
    }
    if (claim) {
      claim.commit(bytes.size(), options);
    }
    return claim.result();
  }

  // One fragment of at most `blocks_max` blocks at `position`, ending before the end of the ring. Returns its blocks.
  std::uint64_t put_fragment(std::uint64_t position, std::uint64_t message, std::uint64_t blocks_max,
                             FragmentPlan& plan, std::span<const std::byte> bytes, std::uint16_t kind) noexcept {
    const auto to_wrap = capacity_ - (position & (capacity_ - 1));
    const auto part = plan.next(std::min(blocks_max, to_wrap));
    auto& block = source_.block(position);
    store_header<A>(block, {.length = static_cast<std::uint32_t>(sizeof(FragmentHeader) + part.bytes),
                            .kind = kind,
                            .form = part.form,
                            .zero = 0,
                            .position = position});
    store_part<FragmentHeader, A>(block, {.message = message, .total = bytes.size(), .offset = part.offset});
    std::memcpy(block.bytes + fragment_overhead_bytes, bytes.data() + part.offset, part.bytes);
    return part.blocks;
  }

  // What is left of an aborted message is void from here on. False when there is no room to say so yet.
  [[nodiscard]] bool settle_abort() noexcept {
    if (!is_abort_owed_) {
      return true;
    }
    std::uint64_t first = 0;
    if (source_.reserve(1, first) != ring::ClaimResult::claimed) {
      return false;
    }
    auto& block = source_.block(first);
    store_header<A>(
        block, {.length = sizeof(AbortRecord), .kind = 0, .form = RecordForm::aborted, .zero = 0, .position = first});
    store_part<AbortRecord, A>(block, {.message = owed_abort_});
    source_.finish(first, 1, 1);
    source_.flush();
    is_abort_owed_ = false;
    return true;
  }

  void commit_claim(std::uint64_t first, std::uint64_t reserved, std::uint64_t bytes, const CommitOptions& options,
                    RecordForm form) noexcept {
    store_header<A>(source_.block(first), {.length = static_cast<std::uint32_t>(bytes),
                                           .kind = options.kind,
                                           .form = form,
                                           .zero = 0,
                                           .position = first});
    source_.finish(first, reserved, blocks_of(bytes));
    is_claimed_ = false;
    committed(first, options.publish);
  }
  void cancel_claim(std::uint64_t first, std::uint64_t reserved) noexcept {
    source_.cancel(first, reserved);
    is_claimed_ = false;
  }
  void committed(std::uint64_t id, bool publish) noexcept {
    last_id_ = id;
    A::step("frame.committed");
    if (publish) {
      source_.flush();
    }
  }

  ClaimWindow<P, A> source_;
  std::uint64_t capacity_;
  WriterOptions options_;
  std::uint64_t last_id_ = 0;
  std::uint64_t owed_abort_ = 0;
  bool is_abort_owed_ = false;
  bool is_claimed_ = false;
};

// Bytes to be filled in place, or the reason why there are none. Aborted by its end unless committed. The writer must
// stay where it is meanwhile.
template <class P, class A>
class FrameWriter<P, A>::Claim {
public:
  Claim(Claim&& other) noexcept
      : writer_(std::exchange(other.writer_, nullptr)), first_(other.first_), reserved_(other.reserved_),
        bytes_(other.bytes_), result_(other.result_) {}
  Claim& operator=(Claim other) noexcept {
    std::swap(writer_, other.writer_);
    first_ = other.first_;
    std::swap(reserved_, other.reserved_);
    bytes_ = other.bytes_;
    result_ = other.result_;
    return *this;
  }
  ~Claim() { abort(); }

  [[nodiscard]] explicit operator bool() const noexcept { return writer_ != nullptr; }
  // `written`: the bytes are there, or have been committed.
  [[nodiscard]] WriteResult result() const noexcept { return result_; }
  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return bytes_; }

  // The first `bytes` bytes are the message; returns its id. What is not used is free again.
  std::uint64_t commit(std::uint64_t bytes, const CommitOptions& options = {}) noexcept {
    RINGFLEET_ASSERT(writer_ != nullptr && bytes <= bytes_.size(), "a commit of more than was claimed");
    std::exchange(writer_, nullptr)->commit_claim(first_, reserved_, bytes, options, RecordForm::data);
    return first_;
  }
  // Any part of the claimed bytes is the message. It is moved to the front when it does not lie there.
  std::uint64_t commit(std::span<const std::byte> part, const CommitOptions& options = {}) noexcept {
    RINGFLEET_ASSERT(part.empty() || (part.data() >= bytes_.data() && part.size() <= bytes_.size() &&
                                      part.data() + part.size() <= bytes_.data() + bytes_.size()),
                     "a commit of bytes that were not claimed");
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
  friend FrameWriter;
  explicit Claim(WriteResult refused) noexcept : result_(refused) {}
  Claim(FrameWriter& writer, std::uint64_t first, std::uint64_t reserved, std::span<std::byte> bytes) noexcept
      : writer_(&writer), first_(first), reserved_(reserved), bytes_(bytes) {}

  FrameWriter* writer_ = nullptr;
  std::uint64_t first_ = 0;
  std::uint64_t reserved_ = 0;
  std::span<std::byte> bytes_;
  WriteResult result_ = WriteResult::written;
};

} // namespace ringfleet::frame
