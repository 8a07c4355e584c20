#pragma once

// Layer 1, the reading side of a reliable reader: messages in place, in order. What lies in the ring or in an arena is
// viewed there; what came in fragments is put together in a buffer of the reader first.
//
//   poll(handler): each view is valid inside the handler
//   take(view) … release_held(): a view is kept, and the writer held back, until it is released, oldest first
//
// Nothing that a writer puts into the ring makes a reader crash, loop or read elsewhere; a record that cannot be is
// reported as `malformed`. The bytes of a view stay writable for their writer, and a hostile one may change them while
// they are read: who does not trust the writer copies first.

#include "ringfleet/base/assert.hpp"
#include "ringfleet/base/clock.hpp"
#include "ringfleet/frame/block_guard.hpp"
#include "ringfleet/frame/reassembler.hpp"
#include "ringfleet/frame/record.hpp"
#include "ringfleet/frame/record_search.hpp"
#include "ringfleet/frame/view.hpp"
#include "ringfleet/ring/reader.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace ringfleet::frame {

// One thread of one process at a time. `R` is ring::Reader<FrameBlock> or ring::SharedReader<FrameBlock>; it must
// outlive this, and nobody else may release from it. Allocates when it is made, never later. A writer that dies leaves
// whole messages behind; what it had written of another one is never seen.
template <class R, class A = Atomics>
class FrameReader {
public:
  // Begins at the first record at or after the position of `reader`.
  explicit FrameReader(R& reader, const ReaderOptions& options = {})
      : reader_(reader), capacity_(reader.capacity()), options_(options),
        reassembler_(options.max_message, options.assemblies),
        held_(std::min<std::uint64_t>(options.held_views, capacity_)),
        guard_(&reader.slot(0), capacity_, options.sole_user) {
    RINGFLEET_ASSERT(capacity_ >= frame_capacity_min, "a frame ring has at least four blocks");
    next_ = reader_.position();
    const auto end = published();
    next_ = first_record<A>(reader_, reader_.position(), end, capacity_);
  }
  FrameReader(const FrameReader&) = delete;
  FrameReader& operator=(const FrameReader&) = delete;

  // Calls handler(const View&) for up to `max` messages that are there. Their records are released when it returns, and
  // also when a handler throws: its message counts as read. Never waits; no system call unless somebody waits for the
  // release. After `evicted` the messages of this poll may have been garbage.
  template <class Handler>
  PollResult poll(Handler&& handler, std::uint64_t max = std::numeric_limits<std::uint64_t>::max()) {
    PollResult result;
    ReleaseAtThrow release_at_throw{this};
    const auto end = published();
    while (result.messages != max) {
      View view;
      result.ended = step(end, view);
      if (result.ended != ReadResult::message) {
        break;
      }
      ++result.messages;
      const ReleaseBuffer release_buffer{*this, view};
      handler(static_cast<const View&>(view));
    }
    release_at_throw.reader = nullptr;
    if (!release_read()) [[unlikely]] {
      result.ended = ReadResult::evicted;
    } else if (result.ended == ReadResult::empty && result.messages == 0) {
      result.ended = idle();
    }
    return result;
  }

  // The next message, to be kept until release_held(). `held`: as many are held as options.held_views, or as the ring
  // has blocks.
  [[nodiscard]] ReadResult take(View& view) {
    if (held_count_ == held_.size()) {
      return ReadResult::held;
    }
    auto result = step(published(), view);
    if (result == ReadResult::message) {
      held_[(held_first_ + held_count_) % held_.size()] = {record_, view.id, is_assembled_};
      ++held_count_;
    } else if (!release_read()) {
      result = ReadResult::evicted;
    }
    return result == ReadResult::empty ? idle() : result;
  }
  // The `count` views that were taken first are given back. `message`; `empty`: fewer are held, and all of them were
  // given back; `evicted`: they were void already.
  ReadResult release_held(std::uint64_t count = 1) noexcept {
    const auto answer = count <= held_count_ ? ReadResult::message : ReadResult::empty;
    for (count = std::min<std::uint64_t>(count, held_count_); count != 0; --count) {
      if (held_[held_first_].is_assembled) {
        reassembler_.release(held_[held_first_].id);
      }
      held_first_ = (held_first_ + 1) % held_.size();
      --held_count_;
    }
    return release_read() ? answer : ReadResult::evicted;
  }
  [[nodiscard]] std::uint64_t held() const noexcept { return held_count_; }

  // Waits until there is something to read behind what has been read; it need not be a message.
  [[nodiscard]] ring::BarrierResult wait(MonotonicNs deadline) {
    (void)published();
    return reader_.wait(next_ - reader_.position() + 1, deadline);
  }

  // This reader is not the sole user of its mapping any more. Without `sole_user` nothing.
  void end_sole_use() noexcept { guard_.end(); }

  // Where the next record is read. Also a wait skips claims that were aborted.
  [[nodiscard]] std::uint64_t position() const noexcept {
    return ring::is_before(next_, reader_.position()) ? reader_.position() : next_;
  }
  [[nodiscard]] RecordFault last_fault() const noexcept { return last_fault_; }
  [[nodiscard]] const ReaderCounts& counts() const noexcept { return counts_; }
  // Messages in fragments that were begun and will not be delivered.
  [[nodiscard]] std::uint64_t dropped_messages() const noexcept { return reassembler_.dropped(); }

private:
  struct Held {
    std::uint64_t record = 0;
    std::uint64_t id = 0;
    bool is_assembled = false;
  };
  struct ReleaseAtThrow {
    FrameReader* reader;
    ~ReleaseAtThrow() {
      if (reader != nullptr) {
        (void)reader->release_read();
      }
    }
  };
  struct ReleaseBuffer {
    FrameReader& reader;
    const View& view;
    ~ReleaseBuffer() {
      if (reader.is_assembled_) {
        reader.reassembler_.release(view.id);
      }
    }
  };

  [[nodiscard]] std::uint64_t published() noexcept {
    auto available = reader_.available();
    if (held_count_ != 0 && reader_.position() + available == next_) {
      // While views are held the reader's gate stands still, and available() goes on telling what it saw then.
      available = reader_.sequencer().available_now();
    }
    const auto position = reader_.position();
    if (ring::is_before(next_, position)) {
      next_ = position; // a shared ring: an aborted claim was skipped
    }
    // Whatever the writer's cursor says, there is no more than a ring, and nothing that was read comes back.
    const auto there = std::min(available, capacity_);
    guard_.show(position, there);
    const auto end = position + there;
    return end_ = ring::is_before(end, next_) ? next_ : end;
  }

  // Nothing was there: will anything come?
  [[nodiscard]] ReadResult idle() noexcept {
    auto& sequencer = reader_.sequencer();
    if (sequencer.is_evicted()) {
      return ReadResult::evicted;
    }
    const auto* dead = reader_.options().dead;
    if (!sequencer.is_closed() && (dead == nullptr || dead->observe() == 0)) {
      return ReadResult::empty;
    }
    // What was published before the end is read first.
    return reader_.position() + sequencer.available_now() != next_ ? ReadResult::empty : ReadResult::detached;
  }

  // Up to the next message below `end`.
  [[nodiscard]] ReadResult step(std::uint64_t end, View& view) noexcept {
    while (next_ != end) {
      const auto& block = reader_.slot(next_);
      const auto header = load_header<A>(block);
      const auto fault = check_record(header, next_, end, capacity_);
      if (fault != RecordFault::none) {
        return malformed(fault, end);
      }
      record_ = next_;
      next_ += blocks_of(header.length);
      if (header.form == RecordForm::data) [[likely]] {
        view = {{block.bytes + record_header_bytes, header.length}, header.kind, record_};
        is_assembled_ = false;
        return ReadResult::message;
      }
      const auto result = step_other(header, block, end, view);
      if (result != ReadResult::empty) {
        return result;
      }
    }
    return ReadResult::empty;
  }

  // Every form but data. `empty`: look at the next record.
  [[nodiscard]] ReadResult step_other(const RecordHeader& header, const FrameBlock& block, std::uint64_t end,
                                      View& view) noexcept {
    switch (header.form) {
    case RecordForm::padding: return ReadResult::empty;
    case RecordForm::aborted: reassembler_.abort(load_part<AbortRecord, A>(block).message); return ReadResult::empty;
    case RecordForm::loan: return step_loan(header, block, end, view);
    default: return step_fragment(header, block, end, view);
    }
  }

  [[nodiscard]] ReadResult step_loan(const RecordHeader& header, const FrameBlock& block, std::uint64_t end,
                                     View& view) noexcept {
    const auto loan = load_part<LoanRecord, A>(block);
    const auto bytes = options_.arenas != nullptr ? options_.arenas->resolve(loan) : std::nullopt;
    if (!bytes) {
      return malformed(RecordFault::loan, end);
    }
    if (options_.arenas->template is_void<A>(loan)) [[unlikely]] {
      ++counts_.loans_void;
      return ReadResult::empty;
    }
    view = {*bytes, header.kind, record_};
    is_assembled_ = false;
    ++counts_.loans;
    return ReadResult::message;
  }

  [[nodiscard]] ReadResult step_fragment(const RecordHeader& header, const FrameBlock& block, std::uint64_t end,
                                         View& view) noexcept {
    const auto data = std::span(block.bytes + fragment_overhead_bytes, header.length - sizeof(FragmentHeader));
    switch (reassembler_.feed(header, load_part<FragmentHeader, A>(block), data)) {
    case AssemblyResult::taken: return ReadResult::empty;
    case AssemblyResult::ignored: ++counts_.fragments_lost; return ReadResult::empty;
    case AssemblyResult::refused: return malformed(reassembler_.fault(), end);
    case AssemblyResult::no_buffer: next_ = record_; return ReadResult::held;
    case AssemblyResult::complete: break;
    }
    view = {reassembler_.message(), reassembler_.kind(), reassembler_.id()};
    is_assembled_ = true;
    ++counts_.reassembled;
    return ReadResult::message;
  }

  // A record that cannot be believed tells nothing about where the next one begins; what is published ends on one.
  [[nodiscard]] ReadResult malformed(RecordFault fault, std::uint64_t end) noexcept {
    next_ = end;
    if (reader_.sequencer().is_evicted()) {
      return ReadResult::evicted;
    }
    reassembler_.abort_all();
    last_fault_ = fault;
    ++counts_.malformed;
    return ReadResult::malformed;
  }

  // A shared ring takes blocks back claim by claim, and padding behind a message belongs to its claim: left unread, it
  // would keep the message from being released, which would come again after a death.
  void skip_padding() noexcept {
    if constexpr (requires { reader_.sequencer().is_before_aborted(); }) {
      while (next_ != end_) {
        const auto header = load_header<A>(reader_.slot(next_));
        if (header.form != RecordForm::padding || check_record(header, next_, end_, capacity_) != RecordFault::none) {
          return;
        }
        next_ += blocks_of(header.length);
      }
    }
  }
  // The writer may overwrite what has been read and is not held. False: it had done so already.
  [[nodiscard]] bool release_read() noexcept {
    skip_padding();
    const auto to = held_count_ != 0 ? held_[held_first_].record : next_;
    guard_.hide(reader_.position(), to - reader_.position());
    return to == reader_.position() || reader_.release(to - reader_.position()) == ring::ReadResult::ok;
  }

  R& reader_;
  std::uint64_t capacity_;
  ReaderOptions options_;
  Reassembler reassembler_;
  std::vector<Held> held_; // a queue in a circle
  BlockGuard guard_;
  std::size_t held_first_ = 0;
  std::size_t held_count_ = 0;
  std::uint64_t next_;       // record to be read next
  std::uint64_t end_ = 0;    // of what was published when the reader looked last
  std::uint64_t record_ = 0; // the one that was read last
  bool is_assembled_ = false;
  RecordFault last_fault_ = RecordFault::none;
  ReaderCounts counts_;
};

} // namespace ringfleet::frame
