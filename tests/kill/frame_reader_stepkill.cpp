// Readers of frames, killed after each of their instructions: they read in place, over the end of the ring, out of
// fragments and out of an arena; one message after the other, all at once, or with two in hand. Under the same id
// reading goes on where it was given back to, with at most what was in hand once more. faults 6, 7, 39.

#include "frame_bytes.hpp"
#include "frame_kinds.hpp"
#include "message.hpp"
#include "ringfleet/frame/frame_reader.hpp"
#include "ringfleet/frame/frame_writer.hpp"
#include "ringfleet/frame/lossy_frame_reader.hpp"
#include "ringfleet/ring/member_protocol.hpp"
#include "stepkill.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

using namespace ringfleet;
using namespace ringfleet::kill;

namespace {

constexpr ring::ActorMark the_dead{1, 0};
constexpr ring::ActorMark the_survivor{2, 0};
constexpr std::uint64_t in_fragments = 500;
constexpr std::uint64_t lent = std::uint64_t{1} << 32; // beside the bytes of a message

enum class Way : std::uint8_t { all_at_once, one_by_one, two_in_hand };

struct Shape {
  std::uint64_t position; // of the first message
  Way way;
  std::vector<std::uint64_t> messages; // bytes of each
};

template <class Kind>
class Reading : public World {
public:
  struct Memory {
    typename Kind::Memory ring;
    std::array<ring::MemberLine, std::tuple_size_v<decltype(Kind::Memory::readers)>> members;
    std::uint64_t handed_out; // so many messages
    std::uint64_t done;       // so many of them are not needed any more
  };
  Reading(Memory& memory, const Shape& shape)
      : memory_(memory), shape_(shape), protocol_(memory.members, memory.ring.readers, the_dead) {
    memory.ring.format(shape.position);
    memory.members = {};
    memory.handed_out = memory.done = 0;
    const auto claim = protocol_.claim(its_id(), {}, nobody);
    (void)protocol_.join(claim);
    line_ = claim.line;
    memory.members[line_].kept_position = shape.position;
    producer_.emplace(Kind::producer(memory.ring, frame_survivor));
    frame::WriterOptions<> options{.max_message = max_message};
    if constexpr (!Kind::has_many) {
      arena_.emplace(memory.ring.arena);
      options.arena = &*arena_;
      (void)views_.open(1, memory.ring.arena);
    }
    blocks_.emplace(*Kind::Reader::join(memory.ring.ring(), line_, {}, frame_spins));
    reader_.emplace(*blocks_, reader_options());
    writer_.emplace(*producer_, options);
    auto blocks = *Kind::LossyReader::watch(memory.ring.ring());
    frame::LossyFrameReader<typename Kind::LossyReader> places(blocks, reader_options());
    for (std::uint64_t number = 0; number < shape.messages.size(); ++number) {
      write(number, shape.messages[number]);
      (void)places.poll([&](const frame::View& view) { begins_.push_back(view.id); });
    }
    begins_.push_back(writer_->published());
  }
  void operate() override {
    std::uint64_t number = 0;
    const auto is_handed_out = [&](const frame::View& view) {
      if (view.bytes.size() != shape_.messages[number] % lent) {
        std::abort();
      }
      Atomics::store_release(memory_.handed_out, ++number);
    };
    const auto is_done = [&](std::uint64_t count) { Atomics::store_release(memory_.done, count); };
    const auto handle = [&](const frame::View& view) {
      is_handed_out(view);
      is_done(number);
    };
    switch (shape_.way) {
    case Way::all_at_once: // up to an aborted claim, at the end of the ring
      while (reader_->poll(handle).messages != 0) {
      }
      break;
    case Way::one_by_one:
      while (reader_->poll(handle, 1).messages != 0) {
      }
      break;
    case Way::two_in_hand:
      // An aborted claim is skipped when nothing is held.
      for (std::uint64_t before = ~number; before != number;) {
        before = number;
        for (frame::View view; reader_->take(view) == frame::ReadResult::message;) {
          is_handed_out(view);
          if (reader_->held() == 2) {
            is_done(number - 1);
            (void)reader_->release_held();
          }
        }
        is_done(number);
        (void)reader_->release_held(2);
      }
    }
    if (number != shape_.messages.size()) {
      std::abort();
    }
  }
  void recover() override {
    if (const auto gate = memory_.ring.readers[line_].gate.observe(); !gate_ && ring::is_gating(gate)) {
      gate_ = gate;
    }
    ring::MemberProtocol<> survivor(memory_.members, memory_.ring.readers, the_survivor);
    for (std::size_t line = 0; line < memory_.members.size(); ++line) {
      (void)survivor.settle(line, never,
                            [](ring::ActorMark actor) { return actor == the_dead || actor == the_survivor; });
    }
  }
  Verdict verdict() override {
    ring::MemberProtocol<> survivor(memory_.members, memory_.ring.readers, the_survivor);
    const auto claim = survivor.claim(its_id(), {}, nobody);
    const auto kept = claim.kept_position;
    if (claim.outcome != ring::ClaimOutcome::resumed || (gate_ && kept != *gate_)) {
      return {"the place of the id is lost", 0};
    }
    const auto word = survivor.join(claim);
    auto blocks = Kind::Reader::join(memory_.ring.ring(), claim.line,
                                     {.from = ring::JoinFrom::sequence, .position = kept, .follows = {}}, frame_spins);
    if (!blocks) {
      return {"the line is held", 0};
    }
    frame::FrameReader<typename Kind::Reader> reader(*blocks, reader_options());
    auto wrong = reads_on(reader, kept);
    wrong = wrong.empty() ? work_on(reader) : wrong;
    blocks->leave();
    survivor.leave(claim.line, word, false, 0);
    return {wrong, kept - shape_.position};
  }
  std::uint64_t promised() const override { return begins_.back() - shape_.position; }

private:
  static ring::MemberId its_id() { return ring::pack_member_id("risk"); }
  static bool nobody(ring::ActorMark) { return false; }

  [[nodiscard]] frame::ReaderOptions reader_options() const {
    return {.max_message = max_message, .held_views = 2, .arenas = Kind::has_many ? nullptr : &views_};
  }
  bool write(std::uint64_t number, std::uint64_t bytes) {
    const FrameBytes message(bytes % lent, number);
    if (bytes < lent) {
      return writer_->write(message.all()) == frame::WriteResult::written;
    }
    auto loan = writer_->loan(bytes % lent);
    if (!loan) {
      return false;
    }
    message.copy_to(loan.bytes());
    return loan.commit(bytes % lent) == frame::WriteResult::written;
  }
  [[nodiscard]] bool is_message(const frame::View& view, std::uint64_t number) const {
    return number < shape_.messages.size() && FrameBytes(shape_.messages[number] % lent, number).is(view.bytes);
  }

  // From `kept` on. Of a message whose beginning was given back, for it had been put together, it is told.
  std::string reads_on(frame::FrameReader<typename Kind::Reader>& reader, std::uint64_t kept) {
    auto number = static_cast<std::uint64_t>(std::lower_bound(begins_.begin(), begins_.end(), kept) - begins_.begin());
    const auto in_hand = shape_.way == Way::all_at_once   ? shape_.messages.size()
                         : shape_.way == Way::two_in_hand ? 2
                                                          : 1;
    const bool is_within = number != 0 && begins_[number - 1] < kept && kept != begins_[number] &&
                           shape_.messages[number - 1] == in_fragments;
    std::string wrong;
    if (number - (is_within ? 1 : 0) > memory_.done) {
      wrong = "a message was given back that was still in hand";
    } else if (memory_.handed_out > number + in_hand) {
      wrong = "more comes again than was in hand";
    }
    for (int polls = 0; polls < 4; ++polls) {
      const auto polled = reader.poll([&](const frame::View& view) {
        if (!is_message(view, number++)) {
          wrong = "a message is torn, foreign, missing or there twice";
        }
      });
      if (polled.ended == frame::ReadResult::malformed) {
        wrong = "an honest writer's record is malformed";
      }
    }
    if (wrong.empty() && number != shape_.messages.size()) {
      wrong = "messages are missing";
    }
    if (wrong.empty() && is_within != (reader.counts().fragments_lost != 0)) {
      wrong = "it is not told of the message whose beginning it had given back, or of one that is whole";
    }
    return wrong;
  }
  // The writer has the whole ring and the whole arena.
  std::string work_on(frame::FrameReader<typename Kind::Reader>& reader) {
    for (std::uint64_t round = 0; round < 3; ++round) {
      std::uint64_t written = 0;
      while (written <= blocks_total && write(100 + written, 40)) {
        ++written;
      }
      std::uint64_t seen = 0;
      (void)reader.poll([&](const frame::View& view) { seen += FrameBytes(40, 100 + seen).is(view.bytes) ? 1 : 0; });
      if (written != blocks_total || seen != written) {
        return fmt::format("the ring takes {} of {}, and {} come", written, blocks_total, seen);
      }
    }
    if (!Kind::has_many &&
        (!write(7, lent + frame_arena_bytes) || reader.poll([](const frame::View&) {}).messages != 1)) {
      return "the arena is not free";
    }
    return {};
  }

  Memory& memory_;
  Shape shape_;
  ring::MemberProtocol<> protocol_;
  std::uint32_t line_ = 0;
  frame::LoanViews views_;
  std::optional<frame::LoanArena<>> arena_;
  std::optional<typename Kind::Producer> producer_;
  std::optional<frame::FrameWriter<typename Kind::Producer>> writer_;
  std::optional<typename Kind::Reader> blocks_; // of whoever dies
  std::optional<frame::FrameReader<typename Kind::Reader>> reader_;
  std::vector<std::uint64_t> begins_; // of each message, padding may lie before it; and the end
  std::optional<std::uint64_t> gate_; // seen before anybody recovered
};

std::vector<Scenario> scenarios() {
  std::vector<Scenario> all;
  for (const std::uint64_t phase : {0U, 1U, 2U}) { // blocks in front of the end of the ring
    for (const auto& place : places(blocks_total, phase)) {
      const auto add = [&](const char* what, const std::vector<std::uint64_t>& messages, bool may_be_many = true) {
        for (const auto& [way, how] : {std::pair(Way::all_at_once, "at once"), std::pair(Way::one_by_one, "one by one"),
                                       std::pair(Way::two_in_hand, "two in hand")}) {
          const Shape shape{place.position, way, messages};
          const auto name = [&](const char* of) {
            return fmt::format("read {} {}, of {}, {}", what, how, of, place.name);
          };
          all.push_back(scenario_of<Reading<OneWriter>>(name("one"), shape));
          if (may_be_many) {
            all.push_back(scenario_of<Reading<ManyWriters>>(name("many"), shape));
          }
        }
      };
      add("small ones", {40, 150, 40});
      add("a full ring", std::vector<std::uint64_t>(blocks_total, 40));
      add("fragments", {40, in_fragments, 40});
      add("loans", {lent + 200, 40, lent + 256}, false);
    }
  }
  return all;
}

} // namespace

int main(int argc, char** argv) {
  return stepkill_main(argc, argv, "stepkill_frame_reader", scenarios(), {.recoveries_max = 1, .one_of = 8});
}
