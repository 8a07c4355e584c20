#pragma once

// Messages that come piece by piece while somebody reads them, from writers that go on, take back what they began, or
// die in between. What happens is a line of letters:
//
//   s    a small message                        A, B   the next fragment of message A, of message B
//   a    what came of A is void                 x      A's writer dies; where many write, inside its next claim
//   |    the reader reads what there is         r      who knows of that death aborts the claim
//   !    the reader reads, and dies in that     ;      its heir comes; without this letter at once
//
// Where there is one writer, it writes all of it, and after its death its successor does.

#include "frame_bytes.hpp"
#include "frame_kinds.hpp"
#include "ringfleet/frame/fragment_plan.hpp"
#include "ringfleet/frame/frame_writer.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

namespace ringfleet::kill {

inline constexpr std::uint64_t small_bytes = 40; // a block

// A message as it lies in the ring.
struct Sent {
  FrameBytes bytes;
  std::vector<std::uint64_t> records = {}; // where each one begins
  std::uint64_t end = 0;                   // of the last one
  std::uint64_t begun_after = 0;           // so many reads
  std::uint64_t whole_after = 0;
  std::size_t whole_before_it = 0; // so many messages were whole when it began

  [[nodiscard]] std::uint64_t begin() const { return records.front(); }
};

template <class Kind>
class Script {
public:
  // `large`: bytes of A.
  Script(typename Kind::Memory& memory, std::uint64_t large)
      : memory_(memory), large_{Large(FrameBytes(large, 1)), Large(FrameBytes(300, 2))} {
    writers_[survivor].emplace(memory, frame_survivor);
    if (Kind::has_many) {
      writers_[dying].emplace(memory, frame_dying);
    }
  }

  void put(char letter) {
    switch (letter) {
    case 's': put_small(); break;
    case 'A': put_fragment(large_[0], writer_of_a()); break;
    case 'B': put_fragment(large_[1], *writers_[survivor]); break;
    case 'a': take_back(large_[0]); break;
    case 'x': end_writer_of_a(); break;
    case 'r': abort_claims(); break;
    case '|':
    case '!': ++reads_; break;
    case ';': break;
    default: std::abort();
    }
  }
  // As often as anybody likes, from the death on.
  void abort_claims() {
    if constexpr (Kind::has_many) {
      if (open_claim_) {
        (void)ring::repair_dead(memory_.ring().lines(), [](std::uint64_t identity) { return identity == frame_dying; });
        is_repaired_ = true;
      }
    }
  }

  // In the order in which they became whole; and as far as a reader gets, who stops at an open claim.
  [[nodiscard]] const std::vector<Sent>& whole() const { return whole_; }
  [[nodiscard]] std::uint64_t readable() const {
    return static_cast<std::uint64_t>(
        std::ranges::count_if(whole_, [this](const Sent& sent) { return !ring::is_before(readable_end(), sent.end); }));
  }
  [[nodiscard]] std::uint64_t readable_end() const { return open_claim_ && !is_repaired_ ? *open_claim_ : end_; }
  // Fragments from `from` on whose message began before: who begins to read there is told of so many.
  [[nodiscard]] std::uint64_t lost_from(std::uint64_t from) const {
    std::uint64_t lost = 0;
    const auto count = [&](const Sent& sent) {
      if (!sent.records.empty() && ring::is_before(sent.begin(), from)) {
        lost += fragments_from(sent, from);
      }
    };
    std::ranges::for_each(whole_, count);
    for (const auto& large : large_) {
      count(large.sent); // empty again when it is whole
    }
    return lost;
  }
  [[nodiscard]] static std::uint64_t fragments_from(const Sent& sent, std::uint64_t from) {
    return static_cast<std::uint64_t>(
        std::ranges::count_if(sent.records, [&](std::uint64_t record) { return !ring::is_before(record, from); }));
  }
  // Who goes on writing when the script is over.
  [[nodiscard]] typename Kind::Producer& producer() { return writers_[survivor]->producer; }

private:
  static constexpr std::size_t survivor = 0;
  static constexpr std::size_t dying = 1;
  struct Writer {
    Writer(typename Kind::Memory& memory, std::uint64_t identity)
        : producer(Kind::producer(memory, identity)), source(producer) {}
    typename Kind::Producer producer;
    typename frame::BlockSourceOf<typename Kind::Producer, Atomics>::Type source;
  };
  struct Large {
    explicit Large(const FrameBytes& bytes) : sent{bytes}, plan(bytes.all().size()) {}
    Sent sent;
    frame::FragmentPlan plan;
  };

  [[nodiscard]] Writer& writer_of_a() { return *writers_[Kind::has_many ? dying : survivor]; }

  // `fill(block, position)`: one record.
  template <class Fill>
  std::uint64_t put_record(Writer& writer, std::uint64_t blocks, Fill&& fill) {
    std::uint64_t first = 0;
    if (writer.source.reserve(blocks, first) != ring::ClaimResult::claimed) {
      std::abort(); // a script leaves room
    }
    // The padding at the end of the ring is an aborted claim of its own, where many write: a read ends there.
    reads_ += Kind::has_many && first != end_ ? 1 : 0;
    fill(writer.source.block(first), first);
    writer.source.finish(first, blocks, blocks);
    writer.source.flush();
    end_ = first + blocks;
    return first;
  }
  void put_small() {
    Sent sent{FrameBytes(small_bytes, 10 + whole_.size())};
    sent.whole_before_it = whole_.size();
    sent.records.push_back(put_record(*writers_[survivor], 1, [&](frame::FrameBlock& block, std::uint64_t position) {
      frame::store_header(block, frame::header_of(position, frame::RecordForm::data, small_bytes, 0));
      std::memcpy(block.bytes + frame::record_header_bytes, sent.bytes.all().data(), small_bytes);
    }));
    sent.begun_after = reads_;
    is_whole(sent);
  }
  // As FrameWriter::write_until, one fragment a call.
  void put_fragment(Large& large, Writer& writer) {
    auto& [sent, plan] = large;
    const auto all = sent.bytes.all();
    const auto blocks = plan.blocks_wanted(frame::record_blocks_max(blocks_total));
    sent.records.push_back(put_record(writer, blocks, [&](frame::FrameBlock& block, std::uint64_t position) {
      const auto part = plan.next(blocks);
      const auto message = part.offset == 0 ? position : sent.begin();
      frame::store_header(block, frame::header_of(position, part.form, sizeof(frame::FragmentHeader) + part.bytes, 0));
      frame::store_part<frame::FragmentHeader>(block, {.message = message, .total = all.size(), .offset = part.offset});
      std::memcpy(block.bytes + frame::fragment_overhead_bytes, all.data() + part.offset, part.bytes);
    }));
    if (sent.records.size() == 1) {
      sent.begun_after = reads_;
      sent.whole_before_it = whole_.size();
    }
    if (plan.is_done()) {
      is_whole(sent);
      sent.records.clear();
    }
  }
  void take_back(Large& large) {
    (void)put_record(writer_of_a(), 1, [&](frame::FrameBlock& block, std::uint64_t position) {
      frame::store_header(block, frame::header_of(position, frame::RecordForm::aborted, sizeof(frame::AbortRecord), 0));
      frame::store_part<frame::AbortRecord>(block, {.message = large.sent.begin()});
    });
  }
  void is_whole(Sent sent) {
    sent.end = end_;
    sent.whole_after = reads_;
    whole_.push_back(std::move(sent));
  }
  void end_writer_of_a() {
    if constexpr (Kind::has_many) {
      std::uint64_t first = 0;
      if (writer_of_a().producer.try_claim(2, first) != ring::ClaimResult::claimed) {
        std::abort();
      }
      open_claim_ = first;
      end_ = first + 2;
      ++reads_; // whoever reads stops there
    } else {
      writers_[survivor].emplace(memory_, frame_survivor);
    }
  }

  typename Kind::Memory& memory_;
  std::array<std::optional<Writer>, 2> writers_;
  std::array<Large, 2> large_;
  std::vector<Sent> whole_;
  std::uint64_t reads_ = 0;
  std::uint64_t end_ = 0;                   // of all records
  std::optional<std::uint64_t> open_claim_; // of A's writer, which is dead
  bool is_repaired_ = false;
};

} // namespace ringfleet::kill
