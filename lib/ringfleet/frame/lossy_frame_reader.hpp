#pragma once

// Layer 1, the reading side of a lossy reader: it never holds the writer back, and gets copies that were proven intact,
// of records and of loans alike. A reader that was lapped, or has joined in the middle, goes on at the first record it
// finds: records name their own position.

#include "ringfleet/base/assert.hpp"
#include "ringfleet/base/clock.hpp"
#include "ringfleet/frame/reassembler.hpp"
#include "ringfleet/frame/record.hpp"
#include "ringfleet/frame/view.hpp"
#include "ringfleet/ring/lossy_reader.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace ringfleet::frame {

// One thread of one process at a time. `R` is ring::LossyReader<FrameBlock> or ring::SharedLossyReader<FrameBlock>; it
// must outlive this, and nobody else may read through it. Allocates when it is made, never later. `held_views` means
// nothing here.
template <class R, class A = Atomics>
class LossyFrameReader {
public:
  explicit LossyFrameReader(R& reader, const ReaderOptions& options = {})
      : reader_(reader), capacity_(reader.capacity()), begin_(reader.position()), options_(options),
        reassembler_(options.max_message, options.assemblies),
        record_(
            std::min(record_blocks_max(reader.capacity()), blocks_of(options.max_message + sizeof(FragmentHeader)))),
        loan_(options.arenas != nullptr ? std::make_unique_for_overwrite<std::uint64_t[]>(loan_words()) : nullptr) {
    RINGFLEET_ASSERT(capacity_ >= frame_capacity_min, "a frame ring has at least four blocks");
  }
  LossyFrameReader(const LossyFrameReader&) = delete;
  LossyFrameReader& operator=(const LossyFrameReader&) = delete;

  // The next message; the view is valid until the next call. Never waits, no system call. `message`, `empty`, `lapped`,
  // `malformed` (also for a message that is larger than this reader takes), `detached`.
  [[nodiscard]] ReadResult read(View& view) noexcept {
    reassembler_.release(assembled_);
    // As much as a ring holds, so that a writer that is always ahead cannot keep us here.
    for (std::uint64_t looked = 0; looked < capacity_;) {
      const auto copied = reader_.read(std::span(record_).first(1));
      if (copied.result != ring::ReadResult::ok) {
        return ended(copied.result);
      }
      const auto position = reader_.position() - 1; // aborted claims were skipped
      const auto header = load_header<A>(record_[0]);
      const auto fault = check_record(header, position, position + capacity_, capacity_);
      if (fault != RecordFault::none) {
        ++looked;
        if (!is_aligned_) {
          continue;
        }
        return malformed(fault);
      }
      is_aligned_ = true;
      const auto blocks = blocks_of(header.length);
      looked += blocks;
      const auto rest = copy_rest(blocks);
      if (rest != ring::ReadResult::ok || reader_.position() != position + blocks) {
        return rest == ring::ReadResult::lapped ? ended(rest) : malformed(RecordFault::length);
      }
      const auto result = blocks > record_.size() && header.form != RecordForm::padding
                              ? malformed(RecordFault::oversize)
                              : take(header, view);
      if (result != ReadResult::empty) {
        return result;
      }
    }
    return ReadResult::empty;
  }

  // handler(const View&) for up to `max` messages that are there.
  template <class Handler>
  PollResult poll(Handler&& handler, std::uint64_t max = ~std::uint64_t{0}) {
    PollResult result;
    while (result.messages != max) {
      View view;
      result.ended = read(view);
      if (result.ended != ReadResult::message) {
        break;
      }
      ++result.messages;
      handler(static_cast<const View&>(view));
    }
    return result;
  }

  [[nodiscard]] ring::BarrierResult wait(MonotonicNs deadline) { return reader_.wait(deadline); }

  // Blocks that were overwritten before they were read, and how often that was noticed.
  [[nodiscard]] std::uint64_t lost_blocks() const noexcept { return reader_.lost(); }
  [[nodiscard]] std::uint64_t laps() const noexcept { return reader_.laps(); }
  [[nodiscard]] RecordFault last_fault() const noexcept { return last_fault_; }
  [[nodiscard]] const ReaderCounts& counts() const noexcept { return counts_; }
  [[nodiscard]] std::uint64_t dropped_messages() const noexcept { return reassembler_.dropped(); }

private:
  // Room for a message that begins and ends within a word.
  [[nodiscard]] std::uint64_t loan_words() const noexcept { return options_.max_message / 8 + 2; }

  [[nodiscard]] ReadResult ended(ring::ReadResult result) noexcept {
    if (result == ring::ReadResult::lapped) {
      is_aligned_ = false;
      reassembler_.abort_all();
      return ReadResult::lapped;
    }
    return result == ring::ReadResult::detached ? ReadResult::detached : ReadResult::empty;
  }
  [[nodiscard]] ReadResult malformed(RecordFault fault) noexcept {
    is_aligned_ = false;
    reassembler_.abort_all();
    last_fault_ = fault;
    ++counts_.malformed;
    return ReadResult::malformed;
  }

  // The blocks of the record behind its first one. What has no room is read and forgotten.
  [[nodiscard]] ring::ReadResult copy_rest(std::uint64_t blocks) noexcept {
    const bool has_room = blocks <= record_.size();
    for (std::uint64_t done = 1; done != blocks;) {
      const auto to = has_room ? std::span(record_).subspan(done, blocks - done)
                               : std::span(record_).first(std::min<std::uint64_t>(blocks - done, record_.size()));
      const auto copied = reader_.read(to);
      if (copied.result != ring::ReadResult::ok) {
        return copied.result;
      }
      done += copied.count;
    }
    return ring::ReadResult::ok;
  }

  // `empty`: look at the next record.
  [[nodiscard]] ReadResult take(const RecordHeader& header, View& view) noexcept {
    const auto& block = record_[0];
    switch (header.form) {
    case RecordForm::data:
      view = {{block.bytes + record_header_bytes, header.length}, header.kind, header.position};
      return ReadResult::message;
    case RecordForm::padding: return ReadResult::empty;
    case RecordForm::aborted: reassembler_.abort(load_part<AbortRecord, A>(block).message); return ReadResult::empty;
    case RecordForm::loan: return take_loan(header, view);
    default: break;
    }
    const auto data = std::span(block.bytes + fragment_overhead_bytes, header.length - sizeof(FragmentHeader));
    const auto fragment = load_part<FragmentHeader, A>(block);
    switch (reassembler_.feed(header, fragment, data)) {
    case AssemblyResult::complete: break;
    case AssemblyResult::refused: return malformed(reassembler_.fault());
    case AssemblyResult::ignored:
      // What had come of its message was given up, or overwritten; or it began before this reader did.
      counts_.fragments_lost += ring::is_before(fragment.message, begin_) ? 0U : 1U;
      return ReadResult::empty;
    default: return ReadResult::empty;
    }
    assembled_ = reassembler_.id();
    view = {reassembler_.message(), reassembler_.kind(), assembled_};
    ++counts_.reassembled;
    return ReadResult::message;
  }

  [[nodiscard]] ReadResult take_loan(const RecordHeader& header, View& view) noexcept {
    const auto loan = load_part<LoanRecord, A>(record_[0]);
    const auto bytes = options_.arenas != nullptr ? options_.arenas->resolve(loan) : std::nullopt;
    if (!bytes) {
      return malformed(RecordFault::loan);
    }
    if (loan.bytes > options_.max_message) {
      return malformed(RecordFault::oversize);
    }
    const auto skew = reinterpret_cast<std::uintptr_t>(bytes->data()) % 8;
    const auto* words = reinterpret_cast<const std::uint64_t*>(bytes->data() - skew);
    const auto whole = (skew + loan.bytes) / 8;
    for (std::uint64_t i = 0; i < whole; ++i) {
      loan_[i] = A::load_relaxed(words[i]);
    }
    // Not a word beyond the arena: its end is that of a line.
    if ((skew + loan.bytes) % 8 != 0) {
      loan_[whole] = A::load_relaxed(words[whole]);
    }
    if (options_.arenas->template is_void<A>(loan)) {
      ++counts_.loans_void;
      return ReadResult::empty;
    }
    view = {{reinterpret_cast<const std::byte*>(loan_.get()) + skew, loan.bytes}, header.kind, header.position};
    ++counts_.loans;
    return ReadResult::message;
  }

  R& reader_;
  std::uint64_t capacity_;
  std::uint64_t begin_; // where it came to the ring
  ReaderOptions options_;
  Reassembler reassembler_;
  std::vector<FrameBlock> record_; // the copy of one record
  std::unique_ptr<std::uint64_t[]> loan_;
  std::uint64_t assembled_ = 0; // the message in fragments that was handed out last
  bool is_aligned_ = false;     // a record begins at the reader's position
  RecordFault last_fault_ = RecordFault::none;
  ReaderCounts counts_;
};

} // namespace ringfleet::frame
