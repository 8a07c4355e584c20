// Readers of frames, killed after each of their instructions while a message comes piece by piece: some of its
// fragments are read and given back, some are there, some come when the reader is dead, or never, for the writer takes
// back what it began, or dies as well. Who comes back under the reader's id gets every message whole that begins where
// it goes on, no half one, and is told of one whose beginning was given back before it was whole; none else is lost.
// faults 2, 6, 7, 39.

#include "fragment_script.hpp"
#include "message.hpp"
#include "ringfleet/frame/frame_reader.hpp"
#include "ringfleet/ring/member_protocol.hpp"
#include "stepkill.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace ringfleet;
using namespace ringfleet::kill;

namespace {

constexpr ring::ActorMark the_dead{1, 0};
constexpr ring::ActorMark the_survivor{2, 0};

enum class Way : std::uint8_t { all_at_once, one_by_one, two_in_hand };

struct Shape {
  std::uint64_t position; // of the first message
  Way way;
  std::uint64_t large; // bytes of message A
  std::string_view script;
};

template <class Kind>
class ReadingPieces : public World {
public:
  struct Memory {
    typename Kind::Memory ring;
    std::array<ring::MemberLine, std::tuple_size_v<decltype(Kind::Memory::readers)>> members;
    std::uint64_t handed_out; // so many messages
    std::uint64_t done;       // so many of them are not needed any more
  };
  using Reader = frame::FrameReader<typename Kind::Reader>;

  ReadingPieces(Memory& memory, const Shape& shape)
      : memory_(memory), shape_(shape), protocol_(memory.members, memory.ring.readers, the_dead) {
    memory.ring.format(shape.position);
    memory.members = {};
    memory.handed_out = memory.done = 0;
    const auto claim = protocol_.claim(its_id(), {}, nobody);
    (void)protocol_.join(claim);
    line_ = claim.line;
    memory.members[line_].kept_position = shape.position;
    blocks_.emplace(*Kind::Reader::join(memory.ring.ring(), line_, {}, frame_spins));
    reader_.emplace(*blocks_, options);
    script_.emplace(memory.ring, shape.large);
    for (; shape.script[at_] != '!'; ++at_) {
      script_->put(shape.script[at_]);
      if (shape.script[at_] == '|') {
        asked_at_.reset();
        while (is_further(*reader_)) {
          (void)reader_->poll([&](const frame::View&) { memory.done = ++memory.handed_out; });
        }
        if (reader_->position() != script_->readable_end()) {
          std::abort();
        }
      }
    }
    script_->put('!');
    read_before_ = memory.handed_out;
    begin_ = memory.ring.readers[line_].gate.observe();
  }
  void operate() override {
    asked_at_.reset();
    auto number = memory_.handed_out;
    const auto is_handed_out = [&](const frame::View& view) {
      if (!script_->whole()[number].bytes.is(view.bytes)) {
        std::abort();
      }
      Atomics::store_release(memory_.handed_out, ++number);
    };
    const auto is_done = [&](std::uint64_t count) { Atomics::store_release(memory_.done, count); };
    if (shape_.way == Way::two_in_hand) {
      while (is_further(*reader_)) {
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
    } else {
      const auto max = shape_.way == Way::one_by_one ? 1 : ~std::uint64_t{0};
      const auto handle = [&](const frame::View& view) {
        is_handed_out(view);
        is_done(number);
      };
      while (is_further(*reader_)) {
        (void)reader_->poll(handle, max);
      }
    }
    if (number != script_->readable()) {
      std::abort();
    }
  }
  void recover() override {
    if (const auto gate = memory_.ring.readers[line_].gate.observe(); !gate_ && ring::is_gating(gate)) {
      gate_ = gate;
    }
    script_->abort_claims();
    ring::MemberProtocol<> survivor(memory_.members, memory_.ring.readers, the_survivor);
    for (std::size_t line = 0; line < memory_.members.size(); ++line) {
      (void)survivor.settle(line, never,
                            [](ring::ActorMark actor) { return actor == the_dead || actor == the_survivor; });
    }
  }
  Verdict verdict() override {
    auto rest = shape_.script.substr(at_ + 1);
    for (auto late = rest.find(';'); late != 0 && late != std::string_view::npos; --late, rest.remove_prefix(1)) {
      script_->put(rest[0]);
    }
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
    Reader reader(*blocks, options);
    auto wrong = reads_on(reader, kept, rest);
    wrong = wrong.empty() ? work_on(reader) : wrong;
    blocks->leave();
    survivor.leave(claim.line, word, false, 0);
    return {wrong, kept - begin_};
  }
  std::uint64_t promised() const override { return script_->readable_end() - begin_; }

private:
  static constexpr frame::ReaderOptions options{
      .max_message = max_message, .assemblies = Kind::has_many ? 2 : 1, .held_views = 2};
  static ring::MemberId its_id() { return ring::pack_member_id("risk"); }
  static bool nobody(ring::ActorMark) { return false; }
  // Since the last time that this was asked. An aborted claim ends a poll, and is skipped when nothing is held.
  [[nodiscard]] bool is_further(const Reader& reader) {
    return std::exchange(asked_at_, reader.position()) != reader.position();
  }

  // The heir, while the `rest` of the script happens: what begins at `kept` or behind, whole, once, in order.
  std::string reads_on(Reader& reader, std::uint64_t kept, std::string_view rest) {
    const auto& whole = script_->whole();
    std::string wrong;
    std::size_t next = 0;
    const auto skip_given_back = [&] {
      while (next != whole.size() && ring::is_before(whole[next].begin(), kept)) {
        ++next;
      }
    };
    const auto read = [&] {
      asked_at_.reset();
      while (is_further(reader)) {
        const auto polled = reader.poll([&](const frame::View& view) {
          skip_given_back();
          if (next == whole.size() || !whole[next++].bytes.is(view.bytes)) {
            wrong = "a message is half, foreign, missing or there twice";
          }
        });
        if (polled.ended == frame::ReadResult::malformed) {
          wrong = std::string("an honest writer's record is malformed: ") + to_string(reader.last_fault());
        }
      }
    };
    read();
    for (const char letter : rest) {
      script_->put(letter);
      read();
    }
    skip_given_back();
    if (wrong.empty() && next != whole.size()) {
      wrong = "a message is missing";
    }
    if (wrong.empty() && reader.counts().fragments_lost != script_->lost_from(kept)) {
      wrong = fmt::format("it is told of {} fragments that it could not use, of {}", reader.counts().fragments_lost,
                          script_->lost_from(kept));
    }
    return wrong.empty() ? judge(kept) : wrong;
  }
  // What its predecessor had given back was handled, or could not be kept whole; what comes again was in its hands.
  [[nodiscard]] std::string judge(std::uint64_t kept) const {
    const auto& whole = script_->whole();
    std::uint64_t again = 0;
    for (std::size_t i = 0; i < whole.size(); ++i) {
      if (!ring::is_before(whole[i].begin(), kept)) {
        again += i < memory_.handed_out ? 1 : 0;
      } else if (i >= memory_.done && !may_be_lost(i)) {
        return "a message is lost that nobody has handled";
      } else if (i >= memory_.done && Script<Kind>::fragments_from(whole[i], kept) == 0) {
        return "nobody is told of a message that is lost";
      }
    }
    const auto in_hand = shape_.way == Way::all_at_once  ? memory_.handed_out - read_before_
                         : shape_.way == Way::one_by_one ? 1
                                                         : 2;
    return again > in_hand ? "more comes again than was in hand" : "";
  }
  // Its beginning was given back before it was whole in the reader, or while what was put together was in hand.
  [[nodiscard]] bool may_be_lost(std::size_t i) const {
    const auto& sent = script_->whole()[i];
    return sent.records.size() > 1 && (sent.begun_after != sent.whole_after || shape_.way == Way::two_in_hand ||
                                       (shape_.way == Way::one_by_one && i != sent.whole_before_it));
  }
  // The writer has the whole ring, and the heir its buffers.
  std::string work_on(Reader& reader) {
    frame::FrameWriter<typename Kind::Producer> writer(script_->producer(), {.max_message = max_message});
    for (const std::uint64_t bytes : {small_bytes, small_bytes, std::uint64_t{500}}) {
      const auto wanted = bytes == small_bytes ? blocks_total : 1;
      std::uint64_t written = 0;
      while (written <= blocks_total &&
             writer.write(FrameBytes(bytes, 100 + written).all()) == frame::WriteResult::written) {
        ++written;
      }
      std::uint64_t seen = 0;
      (void)reader.poll([&](const frame::View& view) { seen += FrameBytes(bytes, 100 + seen).is(view.bytes) ? 1 : 0; });
      if (written != wanted || seen != written) {
        return fmt::format("the ring takes {} of {} messages of {} bytes, and {} come", written, wanted, bytes, seen);
      }
    }
    return {};
  }

  Memory& memory_;
  Shape shape_;
  ring::MemberProtocol<> protocol_;
  std::uint32_t line_ = 0;
  std::optional<Script<Kind>> script_;
  std::size_t at_ = 0;                          // of the script
  std::uint64_t read_before_ = 0;               // messages, before the read in which it dies
  std::uint64_t begin_ = 0;                     // of that read
  std::optional<typename Kind::Reader> blocks_; // of whoever dies
  std::optional<Reader> reader_;
  std::optional<std::uint64_t> asked_at_;
  std::optional<std::uint64_t> gate_; // seen before anybody recovered
};

constexpr std::string_view of_any[] = {
    "sAAAs!s", "sA!AAs",   "sA|A!As",   "sA|AAs!s", "sAA|A!s", "sA|A!As;s", // the writer goes on
    "sAa!s",   "sA|Aa!s",  "sA|A!as",                                       // takes back what it began
    "sAxs!s",  "sA|Axs!s", "sA|Axrs!s", "sA|A!xrs",                         // dies
};
constexpr std::string_view larger_than_the_ring[] = {"AA|AA!As", "AA|A!AAs", "AA|AA|A!s"};
constexpr std::string_view of_many[] = {
    "sAB|AB!As", "sA|BA!BAs", "sAsB!ABAs", "A|sBA!sBAs", "sABA|xsB!rs", "sABxrB!s",
};

std::vector<Scenario> scenarios() {
  std::vector<Scenario> all;
  // Blocks in front of the end of the ring: it lies before the message, in its first, second, third fragment.
  for (const std::uint64_t phase : {0U, 1U, 3U, 6U, 10U}) {
    for (const auto& place : places(blocks_total, phase)) {
      const auto add = [&](std::string_view script, std::uint64_t large, bool is_of_one, bool is_of_many) {
        for (const auto& [way, how] : {std::pair(Way::all_at_once, "at once"), std::pair(Way::one_by_one, "one by one"),
                                       std::pair(Way::two_in_hand, "two in hand")}) {
          const Shape shape{place.position, way, large, script};
          const auto name = [&](const char* of) {
            return fmt::format("{} of {} bytes, read {}, of {}, {}", script, large, how, of, place.name);
          };
          if (is_of_one) {
            all.push_back(scenario_of<ReadingPieces<OneWriter>>(name("one"), shape));
          }
          if (is_of_many) {
            all.push_back(scenario_of<ReadingPieces<ManyWriters>>(name("many"), shape));
          }
        }
      };
      for (const auto script : of_any) {
        add(script, 500, true, true);
      }
      for (const auto script : larger_than_the_ring) {
        add(script, 1'000, true, true);
      }
      for (const auto script : of_many) {
        add(script, 500, false, true);
      }
    }
  }
  return all;
}

} // namespace

int main(int argc, char** argv) {
  return stepkill_main(argc, argv, "stepkill_fragments", scenarios(), {.recoveries_max = 1, .one_of = 32});
}
