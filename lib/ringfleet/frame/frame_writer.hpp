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
#include "ringfleet/frame/frame_claim.hpp"
#include "ringfleet/frame/loan_arena.hpp"
#include "ringfleet/frame/record.hpp"
#include "ringfleet/frame/shared_claim.hpp"
#include "ringfleet/frame/write_result.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace ringfleet::frame {

// Where a writer gets its blocks, by the kind of producer.
template <class P, class A>
struct BlockSourceOf {
  using Type = ClaimWindow<P, A>;
};
template <class P, class A>
  requires requires(P& producer) { producer.largest_claim(); }
struct BlockSourceOf<P, A> {
  using Type = SharedClaim<P, A>;
};

template <class A = Atomics>
struct WriterOptions {
  std::uint64_t max_message = limits::message_bytes_max_default;
  LoanArena<A>* arena = nullptr; // none: nothing can be lent
  bool sole_user = false;        // of this mapping of the ring, in this process; see base/poison.hpp
};

// One thread of one process at a time. `P` is ring::Producer<FrameBlock> or ring::SharedProducer<FrameBlock>; it must
// outlive this, and nobody else may claim through it. If this process dies, readers see the messages that were
// published, and no part of another one.
template <class P, class A = Atomics>
class FrameWriter {
public:
  using Claim = FrameClaim<FrameWriter>;
  using Loan = FrameLoan<FrameWriter>;

  explicit FrameWriter(P& producer, const WriterOptions<A>& options = {})
      : source_(producer, options.sole_user), capacity_(producer.capacity()),
        max_claim_(std::min(record_bytes_max(capacity_), options.max_message)), options_(options) {
    RINGFLEET_ASSERT(capacity_ >= frame_capacity_min, "a frame ring has at least four blocks");
    if (options.arena != nullptr) {
      options.arena->resume(source_.published());
    }
  }
  FrameWriter(const FrameWriter&) = delete;
  FrameWriter& operator=(const FrameWriter&) = delete;

  // A claim that was not made, for who claims on behalf of somebody else.
  [[nodiscard]] static Claim refused_claim(WriteResult why) noexcept { return Claim(why); }
  [[nodiscard]] static Loan refused_loan(WriteResult why) noexcept { return Loan(why); }
  // Below this, every reader that gates has read everything.
  [[nodiscard]] std::uint64_t slowest_gate() noexcept { return source_.slowest_gate(); }

  // The end of what this writer has published, or of what was there before it.
  [[nodiscard]] std::uint64_t published() const noexcept { return source_.published(); }

  // What one record holds, and so what claim() gives at most.
  [[nodiscard]] std::uint64_t max_claim() const noexcept { return max_claim_; }
  [[nodiscard]] std::uint64_t max_message() const noexcept { return options_.max_message; }

  // `bytes` bytes in a row, 16-byte aligned, to be filled and committed. One claim at a time. Never waits, never enters
  // the kernel.
  [[nodiscard]] Claim claim(std::uint64_t bytes) {
    return claim_with(bytes,
                      [this](std::uint64_t blocks, std::uint64_t& first) { return source_.reserve(blocks, first); });
  }
  // The same, but waits for the readers, up to the deadline, or until the producer is stopped.
  [[nodiscard]] Claim claim_until(std::uint64_t bytes, MonotonicNs deadline) {
    return claim_with(bytes, [this, deadline](std::uint64_t blocks, std::uint64_t& first) {
      return source_.reserve_until(blocks, first, deadline);
    });
  }

  // A message of any length up to max_message, copied. All of it or nothing. Never waits.
  [[nodiscard]] WriteResult write(std::span<const std::byte> bytes, const CommitOptions& options = {}) {
    if (bytes.size() <= max_claim()) [[likely]] {
      return copy_into(claim(bytes.size()), bytes, options);
    }
    if (bytes.size() > options_.max_message) {
      return WriteResult::too_large;
    }
    const auto blocks = fragment_blocks(bytes.size(), record_blocks_max(capacity_));
    if (blocks > source_.run_max()) {
      return WriteResult::needs_wait;
    }
    std::uint64_t first = 0;
    const auto result = settle_abort() ? source_.reserve_run(blocks, first) : ring::ClaimResult::full;
    if (result != ring::ClaimResult::claimed) {
      return refused(result);
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
      const auto result = settle_abort() ? source_.reserve_until(blocks, first, deadline) : ring::ClaimResult::full;
      if (result != ring::ClaimResult::claimed) {
        if (plan.offset() != 0) {
          owed_abort_ = message;
          is_abort_owed_ = true;
          (void)settle_abort();
        }
        return refused(result);
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

  // `bytes` bytes of the arena, 64-byte aligned, to be filled and committed; their number does not matter to the cost.
  // Never waits: `full` until readers have passed what was lent before.
  [[nodiscard]] Loan loan(std::uint64_t bytes) {
    if (options_.arena == nullptr) {
      return Loan(WriteResult::no_arena);
    }
    Lent lent;
    const auto result = options_.arena->lend(bytes, lent, [this] { return source_.slowest_gate(); });
    if (result != LendResult::lent) {
      source_.flush(); // what is staged may hold the memory
      return Loan(result == LendResult::full ? WriteResult::full : WriteResult::too_large);
    }
    A::step("frame.lent");
    return Loan(*this, lent.ticket, lent.bytes);
  }

  // Makes every commit so far visible, by one store; wakes readers that wait for it.
  void flush() noexcept { source_.flush(); }

  // This writer is not the sole user of its mapping any more. Without `sole_user` nothing.
  void end_sole_use() noexcept { source_.end_guard(); }

  // The id of the message committed last.
  [[nodiscard]] std::uint64_t last_id() const noexcept { return last_id_; }

private:
  friend Claim;
  friend Loan;

  [[nodiscard]] static WriteResult refused(ring::ClaimResult result) noexcept {
    return result == ring::ClaimResult::stopped ? WriteResult::stopped : WriteResult::full;
  }

  template <class Reserve>
  [[nodiscard]] Claim claim_with(std::uint64_t bytes, Reserve&& reserve) {
    RINGFLEET_DEBUG_ASSERT(!is_claimed_, "a second claim while the first is neither committed nor aborted");
    if (bytes > max_claim()) [[unlikely]] {
      return Claim(bytes > options_.max_message ? WriteResult::too_large : WriteResult::needs_fragments);
    }
    const auto blocks = blocks_of(bytes);
    std::uint64_t first = 0;
    const auto result = settle_abort() ? reserve(blocks, first) : ring::ClaimResult::full;
    if (result != ring::ClaimResult::claimed) [[unlikely]] {
      return Claim(refused(result));
    }
    A::step("frame.claimed");
    is_claimed_ = true;
    source_.give(first, blocks, record_header_bytes + bytes);
    return Claim(*this, first, blocks, std::span(source_.block(first).bytes + record_header_bytes, bytes));
  }

  static WriteResult copy_into(Claim&& claim, std::span<const std::byte> bytes, const CommitOptions& options) {
    if (claim) [[likely]] {
      if (!bytes.empty()) {
        std::memcpy(claim.bytes().data(), bytes.data(), bytes.size());
      }
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
    store_header<A>(block, header_of(position, part.form, sizeof(FragmentHeader) + part.bytes, kind));
    store_part<FragmentHeader, A>(block, {.message = message, .total = bytes.size(), .offset = part.offset});
    std::memcpy(block.bytes + fragment_overhead_bytes, bytes.data() + part.offset, part.bytes);
    return part.blocks;
  }

  // `deadline` 0: never waits.
  [[nodiscard]] ring::ClaimResult reserve_block(std::uint64_t& first, MonotonicNs deadline) {
    return deadline == 0 ? source_.reserve(1, first) : source_.reserve_until(1, first, deadline);
  }

  // What there is of an aborted message is void from here on. False when there is no room to say so yet.
  [[nodiscard]] bool settle_abort(MonotonicNs deadline = 0) {
    if (!is_abort_owed_) [[likely]] {
      return true;
    }
    std::uint64_t first = 0;
    if (reserve_block(first, deadline) != ring::ClaimResult::claimed) {
      return false;
    }
    auto& block = source_.block(first);
    store_header<A>(block, header_of(first, RecordForm::aborted, sizeof(AbortRecord), 0));
    store_part<AbortRecord, A>(block, {.message = owed_abort_});
    source_.finish(first, 1, 1);
    source_.flush();
    is_abort_owed_ = false;
    return true;
  }

  void commit_claim(std::uint64_t first, std::uint64_t reserved, std::uint64_t bytes,
                    const CommitOptions& options) noexcept {
    store_header<A>(source_.block(first), header_of(first, RecordForm::data, bytes, options.kind));
    source_.finish(first, reserved, blocks_of(bytes));
    is_claimed_ = false;
    committed(first, options.publish);
  }
  void cancel_claim(std::uint64_t first, std::uint64_t reserved) noexcept {
    source_.cancel(first, reserved);
    is_claimed_ = false;
  }
  [[nodiscard]] WriteResult commit_loan(std::uint64_t ticket, std::uint64_t offset, std::uint64_t bytes,
                                        const CommitOptions& options, MonotonicNs deadline) {
    RINGFLEET_DEBUG_ASSERT(!is_claimed_, "a loan is committed while a claim is open");
    std::uint64_t first = 0;
    const auto result = settle_abort(deadline) ? reserve_block(first, deadline) : ring::ClaimResult::full;
    if (result != ring::ClaimResult::claimed) {
      return refused(result);
    }
    auto& block = source_.block(first);
    store_header<A>(block, header_of(first, RecordForm::loan, sizeof(LoanRecord), options.kind));
    store_part<LoanRecord, A>(block, options_.arena->record(ticket, offset, bytes));
    options_.arena->published(ticket, first + 1);
    source_.finish(first, 1, 1);
    committed(first, options.publish);
    return WriteResult::written;
  }
  void cancel_loan(std::uint64_t ticket) noexcept { options_.arena->give_up(ticket); }

  void committed(std::uint64_t id, bool publish) noexcept {
    last_id_ = id;
    A::step("frame.committed");
    if (publish) {
      source_.flush();
    }
  }

  typename BlockSourceOf<P, A>::Type source_;
  std::uint64_t capacity_;
  std::uint64_t max_claim_;
  WriterOptions<A> options_;
  std::uint64_t last_id_ = 0;
  std::uint64_t owed_abort_ = 0;
  bool is_abort_owed_ = false;
  bool is_claimed_ = false;
};

} // namespace ringfleet::frame
