#pragma once

// A writer of frames dies: writing, in fragments, lending, giving up, staging, with room for all of it or not. A half
// message is never delivered, and the messages of whoever goes on are: to a reliable reader, and to a lossy one that
// nobody knows of.

#include "frame_bytes.hpp"
#include "frame_kinds.hpp"
#include "message.hpp"
#include "ringfleet/frame/fragment_plan.hpp"
#include "ringfleet/frame/frame_reader.hpp"
#include "ringfleet/frame/frame_writer.hpp"
#include "ringfleet/frame/lossy_frame_reader.hpp"
#include "scenario.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

namespace ringfleet::kill {

inline constexpr std::uint64_t unread_bytes = 40; // one block

enum class Way : std::uint8_t {
  whole, // in fragments where it is large, all of them claimed at once
  piece_by_piece,
  given_up,
  staged,
  staged_and_refused, // a second message, for which there is no room any more
  lent
};

struct FrameShape {
  std::uint64_t position;
  std::uint64_t unread; // messages of one block
  std::uint64_t bytes;
  Way way = Way::whole;
  std::uint64_t dead_claims = 0; // of one block each, between the unread and `position`
};

// A writer; where it is the only one, with its arena.
template <class Kind>
struct Writing {
  Writing(typename Kind::Memory& memory, std::uint64_t identity)
      : producer(Kind::producer(memory, identity)), writer(producer, options(memory)) {}
  frame::WriterOptions<> options(typename Kind::Memory& memory) {
    if constexpr (!Kind::has_many) {
      arena.emplace(memory.arena);
    }
    return {.max_message = max_message, .arena = arena ? &*arena : nullptr};
  }
  bool write(const FrameBytes& message) { return writer.write(message.all()) == frame::WriteResult::written; }
  bool lend(const FrameBytes& message) {
    auto loan = writer.loan(message.all().size());
    if (!loan) {
      return false;
    }
    message.copy_to(loan.bytes());
    return loan.commit(message.all().size()) == frame::WriteResult::written;
  }

  std::optional<frame::LoanArena<>> arena;
  typename Kind::Producer producer;
  frame::FrameWriter<typename Kind::Producer> writer;
};

template <class Kind>
class WritingWorld : public World {
public:
  using Memory = typename Kind::Memory;
  WritingWorld(Memory& memory, const FrameShape& shape) : memory_(memory), shape_(shape), own_(shape.bytes, 1'000) {
    memory_.format(shape.position - shape.unread - shape.dead_claims);
    blocks_.emplace(*Kind::Reader::join(memory_.ring(), 0, {}, frame_spins));
    frame::ReaderOptions options{.max_message = max_message};
    if constexpr (!Kind::has_many) {
      (void)views_.open(1, memory_.arena);
      options.arenas = &views_;
    }
    reader_.emplace(*blocks_, options);
    lossy_blocks_.emplace(*Kind::LossyReader::watch(memory_.ring()));
    lossy_.emplace(*lossy_blocks_, options);
    others_.emplace(memory_, frame_survivor);
    for (std::uint64_t i = 0; i < shape.unread; ++i) {
      (void)others_->write({unread_bytes, i});
    }
    dying_.emplace(memory_, frame_dying);
    dying_->producer.stop(); // so it waits for nobody
    Kind::leave_dead_claims(memory_, shape.dead_claims);
  }
  void operate() override {
    auto& writer = dying_->writer;
    switch (shape_.way) {
    case Way::whole: (void)dying_->write(own_); break;
    case Way::piece_by_piece: (void)writer.write_until(own_.all(), 1); break;
    case Way::lent: (void)dying_->lend(own_); break;
    case Way::given_up:
      if (auto claim = writer.claim(shape_.bytes)) {
        std::memset(claim.bytes().data(), 77, shape_.bytes);
        claim.abort();
      }
      (void)dying_->write(own_);
      break;
    case Way::staged:
    case Way::staged_and_refused:
      if (auto claim = writer.claim(shape_.bytes)) {
        own_.copy_to(claim.bytes());
        claim.commit(shape_.bytes, {.publish = false});
      }
      if (shape_.way == Way::staged) {
        writer.flush();
      } else if (writer.claim(writer.max_claim())) {
        std::abort();
      }
    }
  }
  void recover() override { Kind::recover(memory_); }
  Verdict verdict() override {
    Verdict verdict;
    std::uint64_t seen = 0;
    verdict.wrong = read([&](const frame::View& view) {
      const auto number = seen++;
      return number == shape_.unread ? own_.is(view.bytes) : FrameBytes(unread_bytes, number).is(view.bytes);
    });
    if (verdict.wrong.empty() && seen != shape_.unread && seen != shape_.unread + 1) {
      verdict.wrong = "messages are missing, or there twice";
    }
    verdict.outcome = seen - shape_.unread;
    if (verdict.wrong.empty()) {
      verdict.wrong = work_on();
    }
    return verdict;
  }
  std::uint64_t promised() const override { return has_room() ? 1 : 0; }

private:
  // What is there, by the reliable reader: `is_right` is asked once for each message. The lossy one gets the same.
  template <class Check>
  std::string read(Check&& is_right) {
    std::string wrong;
    std::vector<std::uint64_t> sums;
    for (int polls = 0; polls < 6; ++polls) {
      const auto result = reader_->poll([&](const frame::View& view) {
        if (!is_right(view) && wrong.empty()) {
          wrong = "a message is torn, foreign or out of order";
        }
        sums.push_back(sum_of(view.bytes));
      });
      if (result.ended == frame::ReadResult::malformed && wrong.empty()) {
        wrong = std::string("an honest writer's record is malformed: ") + to_string(reader_->last_fault());
      }
    }
    const auto by_lossy = lossy_sums();
    return wrong.empty() && by_lossy != sums ? "the lossy reader got something else" : wrong;
  }
  std::vector<std::uint64_t> lossy_sums() {
    std::vector<std::uint64_t> sums;
    for (int polls = 0; polls < 6; ++polls) {
      const auto result = lossy_->poll([&](const frame::View& view) { sums.push_back(sum_of(view.bytes)); });
      if (result.ended != frame::ReadResult::empty) {
        sums.push_back(0); // nobody has overwritten anything, and honest writers write no nonsense
      }
    }
    return sums;
  }
  std::string read_one(const FrameBytes& wanted, const char* what) {
    std::uint64_t seen = 0;
    auto wrong = read([&](const frame::View& view) {
      ++seen;
      return wanted.is(view.bytes);
    });
    return wrong.empty() && seen != 1 ? fmt::format("{} did not come", what) : wrong;
  }
  // Who goes on has the whole ring and the whole arena, and the reader has all its buffers.
  std::string work_on() {
    if constexpr (!Kind::has_many) {
      others_.emplace(memory_, frame_survivor); // the successor
    }
    for (std::uint64_t round = 0; round < 3; ++round) {
      std::uint64_t written = 0;
      while (written <= blocks_total && others_->write({unread_bytes, 100 * round + written})) {
        ++written;
      }
      std::uint64_t seen = 0;
      const auto wrong =
          read([&](const frame::View& view) { return FrameBytes(unread_bytes, 100 * round + seen++).is(view.bytes); });
      if (!wrong.empty() || written != blocks_total || seen != written) {
        return wrong.empty() ? fmt::format("the successor wrote {} messages, {} came", written, seen) : wrong;
      }
    }
    const FrameBytes large(500, 4);
    if (!others_->write(large)) {
      return "no room for a message in fragments";
    }
    auto wrong = read_one(large, "the successor's message in fragments");
    if constexpr (!Kind::has_many) {
      const FrameBytes whole_arena(frame_arena_bytes, 5);
      if (wrong.empty() && !others_->lend(whole_arena)) {
        return "the arena is not free";
      }
      wrong = wrong.empty() ? read_one(whole_arena, "the successor's loan") : wrong;
    }
    return wrong;
  }

  // Is there room for what the operation does? Told by arithmetic.
  [[nodiscard]] bool has_room() const {
    auto at = shape_.position;
    const auto end = at - shape_.unread - shape_.dead_claims + blocks_total;
    const auto take = [&](std::uint64_t blocks) {
      const auto to_wrap = blocks_total - at % blocks_total;
      const auto padding = blocks > to_wrap ? to_wrap : 0;
      if (end - at < padding + blocks) {
        at += Kind::has_many && padding <= end - at ? padding : 0; // everybody has seen that already
        return false;
      }
      at += padding + blocks;
      return true;
    };
    const auto blocks = frame::blocks_of(shape_.bytes);
    const auto blocks_max = frame::record_blocks_max(blocks_total);
    if (shape_.way == Way::lent) {
      return take(1);
    }
    if (shape_.way == Way::piece_by_piece) {
      for (frame::FragmentPlan plan(shape_.bytes); !plan.is_done();) {
        const auto wanted = plan.blocks_wanted(blocks_max);
        if (!take(wanted)) {
          return false;
        }
        (void)plan.next(wanted);
      }
      return true;
    }
    if (blocks > blocks_max) {
      return frame::fragment_blocks(shape_.bytes, blocks_max) <= end - at;
    }
    if (shape_.way == Way::given_up && take(blocks) && !Kind::has_many) {
      at -= blocks; // nobody has seen it
    }
    return take(blocks);
  }

  Memory& memory_;
  FrameShape shape_;
  FrameBytes own_;
  frame::LoanViews views_;
  std::optional<Writing<Kind>> others_; // wrote what is unread, and goes on
  std::optional<Writing<Kind>> dying_;
  std::optional<typename Kind::Reader> blocks_;
  std::optional<frame::FrameReader<typename Kind::Reader>> reader_;
  std::optional<typename Kind::LossyReader> lossy_blocks_;
  std::optional<frame::LossyFrameReader<typename Kind::LossyReader>> lossy_;
};

// What both kinds of ring are tried with; `add(what, shape)`.
template <class Add>
void add_frame_states(std::uint64_t position, Add&& add) {
  const auto each = [&](const char* what, Way way, std::uint64_t bytes, std::initializer_list<std::uint64_t> unread) {
    for (const auto before : unread) {
      add(what, FrameShape{.position = position, .unread = before, .bytes = bytes, .way = way});
    }
  };
  each("write", Way::whole, 0, {0, 15, 16});                             // one block
  each("write", Way::whole, 150, {1, 12, 13});                           // three
  each("write in fragments", Way::whole, 500, {2, 5, 8});                // eleven are asked for
  each("write piece by piece", Way::piece_by_piece, 500, {2, 6, 9, 12}); // of four, four and two
  each("give up, write", Way::given_up, 100, {1, 14});                   // two
  each("give up, write", Way::given_up, 30, {15, 16});                   // one
  each("stage, flush", Way::staged, 100, {3, 14, 15});
  each("stage, be refused", Way::staged_and_refused, 40, {14});
}

} // namespace ringfleet::kill
