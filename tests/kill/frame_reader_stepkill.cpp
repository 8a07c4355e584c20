// Readers of frames, killed after each of their instructions: they read in place, over the end of the ring, out of
// fragments and out of an arena; one message after the other, all at once, or with two in hand. Under the same id
// reading goes on where it was given back to, with at most what was in hand once more. faults 6, 7, 39.

#include "frame_reader_world.hpp"
#include "message.hpp"
#include "ringfleet/frame/frame_writer.hpp"
#include "ringfleet/frame/lossy_frame_reader.hpp"
#include "stepkill.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

using namespace ringfleet;
using namespace ringfleet::kill;

namespace {

constexpr std::uint64_t in_fragments = 500;
constexpr std::uint64_t lent = std::uint64_t{1} << 32; // beside the bytes of a message

struct Shape {
  std::uint64_t position; // of the first message
  ReadWay way;
  std::vector<std::uint64_t> messages; // bytes of each
};

template <class Kind>
class Reading : public FrameReaderWorld<Kind> {
public:
  using typename FrameReaderWorld<Kind>::Memory;
  using typename FrameReaderWorld<Kind>::Reader;

  Reading(Memory& memory, const Shape& shape)
      : FrameReaderWorld<Kind>(memory, shape.position, shape.way), messages_(shape.messages) {
    producer_.emplace(Kind::producer(memory.ring, frame_survivor));
    frame::WriterOptions<> options{.max_message = max_message};
    if constexpr (!Kind::has_many) {
      arena_.emplace(memory.ring.arena);
      options.arena = &*arena_;
      (void)views_.open(1, memory.ring.arena);
    }
    this->join(reader_options());
    writer_.emplace(*producer_, options);
    auto blocks = *Kind::LossyReader::watch(memory.ring.ring());
    frame::LossyFrameReader<typename Kind::LossyReader> places(blocks, reader_options());
    for (std::uint64_t number = 0; number < messages_.size(); ++number) {
      const FrameBytes message(messages_[number] % lent, number);
      (void)(messages_[number] < lent ? write(message) : lend(message));
      (void)places.poll([&](const frame::View& view) { begins_.push_back(view.id); });
    }
    begins_.push_back(writer_->published());
  }
  void operate() override {
    const auto number = this->read_all(
        [&](const frame::View& view, std::uint64_t i) { return view.bytes.size() == messages_[i] % lent; });
    if (number != messages_.size()) {
      std::abort();
    }
  }
  Verdict verdict() override {
    return this->come_back([&](Reader& heir, std::uint64_t kept) {
      const auto wrong = reads_on(heir, kept);
      return wrong.empty() ? work_on(heir) : wrong;
    });
  }
  std::uint64_t promised() const override { return begins_.back() - this->begin_; }

private:
  [[nodiscard]] frame::ReaderOptions reader_options() const {
    return {.max_message = max_message, .held_views = 2, .arenas = Kind::has_many ? nullptr : &views_};
  }
  bool write(const FrameBytes& message) { return writer_->write(message.all()) == frame::WriteResult::written; }
  bool lend(const FrameBytes& message) {
    auto loan = writer_->loan(message.all().size());
    if (!loan) {
      return false;
    }
    message.copy_to(loan.bytes());
    return loan.commit(message.all().size()) == frame::WriteResult::written;
  }
  [[nodiscard]] bool is_message(const frame::View& view, std::uint64_t number) const {
    return number < messages_.size() && FrameBytes(messages_[number] % lent, number).is(view.bytes);
  }

  // From `kept` on. Of a message whose beginning was given back, for it had been put together, it is told.
  std::string reads_on(Reader& reader, std::uint64_t kept) {
    auto number = static_cast<std::uint64_t>(std::lower_bound(begins_.begin(), begins_.end(), kept) - begins_.begin());
    const bool is_within =
        number != 0 && begins_[number - 1] < kept && kept != begins_[number] && messages_[number - 1] == in_fragments;
    std::string wrong;
    if (number - (is_within ? 1 : 0) > this->memory_.done) {
      wrong = "a message was given back that was still in hand";
    } else if (this->memory_.handed_out > number + this->in_hand_max()) {
      wrong = "more comes again than was in hand";
    }
    const auto malformed = this->poll_all(reader, [&](const frame::View& view) {
      if (!is_message(view, number++)) {
        wrong = "a message is torn, foreign, missing or there twice";
      }
    });
    wrong = malformed.empty() ? wrong : malformed;
    if (wrong.empty() && number != messages_.size()) {
      wrong = "messages are missing";
    }
    if (wrong.empty() && is_within != (reader.counts().fragments_lost != 0)) {
      wrong = "it is not told of the message whose beginning it had given back, or of one that is whole";
    }
    return wrong;
  }
  // The writer has the whole ring and the whole arena.
  std::string work_on(Reader& reader) {
    std::string wrong;
    for (std::uint64_t round = 0; wrong.empty() && round < 3; ++round) {
      wrong = this->fill(reader, 40, blocks_total, [&](const FrameBytes& message) { return write(message); });
    }
    if (!Kind::has_many && wrong.empty() &&
        (!lend({frame_arena_bytes, 7}) || reader.poll([](const frame::View&) {}).messages != 1)) {
      wrong = "the arena is not free";
    }
    return wrong;
  }

  std::vector<std::uint64_t> messages_;
  frame::LoanViews views_;
  std::optional<frame::LoanArena<>> arena_;
  std::optional<typename Kind::Producer> producer_;
  std::optional<frame::FrameWriter<typename Kind::Producer>> writer_;
  std::vector<std::uint64_t> begins_; // of each message, padding may lie before it; and the end
};

std::vector<Scenario> scenarios() {
  std::vector<Scenario> all;
  for (const std::uint64_t phase : {0U, 1U, 2U}) { // blocks in front of the end of the ring
    for (const auto& place : places(blocks_total, phase)) {
      const auto add = [&](const char* what, const std::vector<std::uint64_t>& messages, bool may_be_many = true) {
        for (const auto& [way, how] : read_ways) {
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
