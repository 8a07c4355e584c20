// The arena of a ring's only writer, killed after each instruction of a lender: it lends what is free, what readers
// have given back, around the end of the arena, or is refused; it gives up, and commits. Nothing that a reader has
// still to read is overwritten, not by the heir either, who has the whole arena afterwards; a lossy reader far behind
// gets what it gets whole. faults 2, 3, 4, 7, 39.

#include "frame_bytes.hpp"
#include "frame_kinds.hpp"
#include "message.hpp"
#include "ringfleet/frame/frame_reader.hpp"
#include "ringfleet/frame/frame_writer.hpp"
#include "ringfleet/frame/lossy_frame_reader.hpp"
#include "stepkill.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>
#include <span>
#include <string>
#include <vector>

using namespace ringfleet;
using namespace ringfleet::kill;

namespace {

constexpr std::uint64_t line = cache_line_bytes; // the arena has eight
constexpr std::uint64_t own_number = 1'000;
constexpr std::uint64_t heirs_number = 2'000;
constexpr std::uint64_t small_number = 3'000;

struct Shape {
  std::uint64_t position = 0;       // of the record of the operation
  std::uint64_t arena_position = 0; // from where on is lent, in the life of the arena: a multiple of its size
  std::vector<std::uint64_t> lent;  // bytes of what was lent before, by the same writer
  std::uint64_t given_back = 0;     // so many of these, by the reader
  std::uint64_t small = 0;          // messages of one block behind them
  std::uint64_t bytes = 0;          // of the operation
  std::uint64_t given_up = 0;       // lent before it and not wanted
  bool has_room = true;

  [[nodiscard]] std::uint64_t before() const { return lent.size() + small; }
};

struct Lender {
  explicit Lender(OneWriter::Memory& memory)
      : arena(memory.arena, {.loans_max = 16}), producer(OneWriter::producer(memory, 0)),
        writer(producer, {.max_message = max_message, .arena = &arena}) {}
  bool lend(const FrameBytes& message, bool commits = true) {
    auto loan = writer.loan(message.all().size());
    if (!loan) {
      return false;
    }
    message.copy_to(loan.bytes());
    return !commits || loan.commit(message.all().size()) == frame::WriteResult::written;
  }
  bool write(const FrameBytes& message) { return writer.write(message.all()) == frame::WriteResult::written; }

  frame::LoanArena<> arena;
  OneWriter::Producer producer;
  frame::FrameWriter<OneWriter::Producer> writer;
};

class Lending : public World {
public:
  using Memory = OneWriter::Memory;
  Lending(Memory& memory, const Shape& shape) : memory_(memory), shape_(shape) {
    memory.format(shape.position - shape.before());
    if (shape.arena_position != 0) {
      // As an earlier writer would have left it, all of whose loans were read.
      reinterpret_cast<frame::ArenaLines*>(memory.arena.data())->lent = shape.arena_position - frame_arena_bytes;
    }
    (void)views_.open(1, memory.arena);
    const frame::ReaderOptions options{.max_message = max_message, .arenas = &views_};
    blocks_.emplace(*OneWriter::Reader::join(memory.ring(), 0, {}, frame_spins));
    reader_.emplace(*blocks_, options);
    lossy_blocks_.emplace(*OneWriter::LossyReader::watch(memory.ring()));
    lossy_.emplace(*lossy_blocks_, options);
    dying_.emplace(memory);
    for (std::uint64_t i = 0; i < shape.lent.size(); ++i) {
      expected_.push_back({shape.lent[i], i});
      expect(dying_->lend(expected_.back()));
    }
    expect(reader_->poll([](const frame::View&) {}, shape.given_back).messages == shape.given_back);
    for (std::uint64_t i = 0; i < shape.small; ++i) {
      expected_.push_back({40, small_number + i});
      expect(dying_->write(expected_.back()));
    }
  }
  void operate() override {
    for (std::uint64_t i = 0; i < shape_.given_up; ++i) {
      expect(dying_->lend({shape_.bytes, heirs_number}, false));
    }
    expect(dying_->lend(own()) == shape_.has_room);
  }
  void recover() override { OneWriter::recover(memory_); }
  Verdict verdict() override {
    Lender heir(memory_);
    // Where it gets the memory, no reliable reader reads it any more.
    (void)heir.lend({frame_arena_bytes, heirs_number}, false);
    const auto read = read_all(*reader_);
    std::vector<std::uint64_t> wanted;
    for (auto i = shape_.given_back; i < expected_.size(); ++i) {
      wanted.push_back(sum_of(expected_[i].all()));
    }
    Verdict verdict{.wrong = {}, .outcome = read.size() > wanted.size() ? std::uint64_t{1} : 0};
    if (verdict.outcome == 1) {
      wanted.push_back(sum_of(own().all()));
    }
    if (read != wanted) {
      verdict.wrong = "a message is torn, foreign, missing or there twice";
    } else if (!lossy_gets(wanted)) {
      verdict.wrong = "a lossy reader gets something else, or what is void";
    } else {
      verdict.wrong = work_on(heir);
    }
    return verdict;
  }
  std::uint64_t promised() const override { return shape_.has_room ? 1 : 0; }

private:
  static void expect(bool is_so) {
    if (!is_so) {
      std::abort();
    }
  }
  [[nodiscard]] FrameBytes own() const { return {shape_.bytes, own_number}; }

  // A poll may know of no more than what was there at the one before. 0: not an honest writer's record.
  template <class Reader>
  static std::vector<std::uint64_t> read_all(Reader& reader) {
    std::vector<std::uint64_t> sums;
    for (int polls = 0; polls < 3; ++polls) {
      const auto polled = reader.poll([&](const frame::View& view) { sums.push_back(sum_of(view.bytes)); });
      if (polled.ended == frame::ReadResult::malformed) {
        sums.push_back(0);
      }
    }
    return sums;
  }
  // All of `wanted`, and before it of what was given back whatever is neither void nor overwritten, whole and in order.
  bool lossy_gets(std::span<const std::uint64_t> wanted) {
    const auto got = read_all(*lossy_);
    if (got.size() < wanted.size() ||
        got.size() + lossy_->counts().loans_void + lossy_->lost_blocks() != shape_.given_back + wanted.size()) {
      return false;
    }
    const auto earlier = std::span(got).first(got.size() - wanted.size());
    auto next = expected_.begin();
    const auto last = next + static_cast<std::ptrdiff_t>(shape_.given_back);
    const bool is_whole = std::ranges::all_of(earlier, [&](std::uint64_t sum) {
      next = std::find_if(next, last, [&](const FrameBytes& message) { return sum_of(message.all()) == sum; });
      return next != last;
    });
    return is_whole && std::ranges::equal(std::span(got).subspan(earlier.size()), wanted);
  }
  // The heir has the whole arena and the whole ring.
  std::string work_on(Lender& heir) {
    for (std::uint64_t round = 0; round < 3; ++round) {
      const FrameBytes whole(frame_arena_bytes, heirs_number + round);
      if (!heir.lend(whole) || heir.lend({1, heirs_number})) {
        return "the heir has not the whole arena, or more than it";
      }
      if (read_all(*reader_) != std::vector{sum_of(whole.all())}) {
        return "what the heir lent did not arrive";
      }
    }
    std::uint64_t written = 0;
    while (written <= blocks_total && heir.write({40, written})) {
      ++written;
    }
    const auto seen = read_all(*reader_).size();
    return written == blocks_total && seen == written ? "" : fmt::format("the ring takes {}, {} come", written, seen);
  }

  Memory& memory_;
  Shape shape_;
  frame::LoanViews views_;
  std::vector<FrameBytes> expected_;
  std::optional<OneWriter::Reader> blocks_;
  std::optional<frame::FrameReader<OneWriter::Reader>> reader_;
  std::optional<OneWriter::LossyReader> lossy_blocks_;
  std::optional<frame::LossyFrameReader<OneWriter::LossyReader>> lossy_;
  std::optional<Lender> dying_;
};

std::vector<Scenario> scenarios() {
  std::vector<Scenario> all;
  for (const std::uint64_t phase : {0U, 1U, 2U}) { // blocks in front of the end of the ring
    for (const auto& place : places(blocks_total, phase)) {
      const auto add = [&](const char* what, Shape shape) {
        shape.position = place.position;
        // The second lap of the arena begins at 2^31 and so on.
        const bool is_late = place.position > 8 * blocks_total && shape.lent.size() < 7;
        shape.arena_position = is_late ? place.position + phase - frame_arena_bytes : 0;
        all.push_back(scenario_of<Lending>(
            fmt::format("{}, {} of {} loans given back, {}", what, shape.given_back, shape.lent.size(), place.name),
            shape));
      };
      add("lend from an empty arena", {.lent = {}, .bytes = 3 * line});
      add("lend the last line", {.lent = {4 * line, 3 * line}, .bytes = line});
      add("be refused by a full arena", {.lent = {4 * line, 4 * line}, .bytes = 1, .has_room = false});
      add("lend what came back", {.lent = {4 * line, 4 * line}, .given_back = 1, .bytes = 4 * line});
      add("lend what came back, but for a line",
          {.lent = {3 * line, 5 * line}, .given_back = 1, .bytes = 4 * line, .has_room = false});
      add("lend around the end", {.lent = {3 * line, 3 * line}, .given_back = 1, .bytes = 3 * line});
      add("lend when all has come back", {.lent = {2 * line, line, 4 * line}, .given_back = 3, .bytes = 8 * line});
      add("look after eight loans", {.lent = std::vector<std::uint64_t>(7, line), .given_back = 5, .bytes = line});
      add("give up, lend", {.lent = {4 * line}, .bytes = 2 * line, .given_up = 1});
      add("give up twice, lend what came back",
          {.lent = {2 * line, 2 * line}, .given_back = 1, .bytes = 2 * line, .given_up = 2});
      add("lend with one block left", {.lent = {4 * line, 3 * line}, .given_back = 1, .small = 14, .bytes = 3 * line});
      add("lend into a full ring",
          {.lent = {4 * line, 3 * line}, .given_back = 1, .small = 15, .bytes = 3 * line, .has_room = false});
    }
  }
  return all;
}

} // namespace

int main(int argc, char** argv) {
  return stepkill_main(argc, argv, "stepkill_loan", scenarios(), {.recoveries_max = 1, .one_of = 3});
}
