// Readers of frames, killed after each of their instructions while a message comes piece by piece: some of its
// fragments are read and given back, some are there, some come when the reader is dead, or never, for the writer takes
// back what it began, or dies as well. Who comes back under the reader's id gets every message whole that begins where
// it goes on, no half one, and is told of one whose beginning was given back before it was whole; none else is lost.
// faults 2, 6, 7, 39.

#include "fragment_script.hpp"
#include "frame_reader_world.hpp"
#include "message.hpp"
#include "ringfleet/frame/frame_writer.hpp"
#include "stepkill.hpp"

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

using namespace ringfleet;
using namespace ringfleet::kill;

namespace {

struct Shape {
  std::uint64_t position; // of the first message
  ReadWay way;
  std::uint64_t large; // bytes of message A
  std::string_view script;
};

template <class Kind>
class ReadingPieces : public FrameReaderWorld<Kind> {
public:
  using typename FrameReaderWorld<Kind>::Memory;
  using typename FrameReaderWorld<Kind>::Reader;

  ReadingPieces(Memory& memory, const Shape& shape)
      : FrameReaderWorld<Kind>(memory, shape.position, shape.way), shape_(shape) {
    this->join({.max_message = max_message, .assemblies = Kind::has_many ? 2 : 1, .held_views = 2});
    script_.emplace(memory.ring, shape.large);
    for (; shape.script[at_] != '!'; ++at_) {
      script_->put(shape.script[at_]);
      if (shape.script[at_] == '|') {
        this->read_before(script_->readable_end());
      }
    }
    script_->put('!');
  }
  void operate() override {
    const auto number = this->read_all(
        [&](const frame::View& view, std::uint64_t i) { return script_->whole()[i].bytes.is(view.bytes); });
    if (number != script_->readable()) {
      std::abort();
    }
  }
  void recover() override {
    script_->abort_claims();
    FrameReaderWorld<Kind>::recover();
  }
  Verdict verdict() override {
    auto rest = shape_.script.substr(at_ + 1);
    for (auto late = rest.find(';'); late != 0 && late != std::string_view::npos; --late, rest.remove_prefix(1)) {
      script_->put(rest[0]);
    }
    return this->come_back([&](Reader& heir, std::uint64_t kept) {
      const auto wrong = reads_on(heir, kept, rest);
      return wrong.empty() ? work_on(heir) : wrong;
    });
  }
  std::uint64_t promised() const override { return script_->readable_end() - this->begin_; }

private:
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
      const auto malformed = this->poll_all(reader, [&](const frame::View& view) {
        skip_given_back();
        if (next == whole.size() || !whole[next++].bytes.is(view.bytes)) {
          wrong = "a message is half, foreign, missing or there twice";
        }
      });
      wrong = malformed.empty() ? wrong : malformed;
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
        again += i < this->memory_.handed_out ? 1 : 0;
      } else if (i >= this->memory_.done && !may_be_lost(i)) {
        return "a message is lost that nobody has handled";
      } else if (i >= this->memory_.done && Script<Kind>::fragments_from(whole[i], kept) == 0) {
        return "nobody is told of a message that is lost";
      }
    }
    return again > this->in_hand_max() ? "more comes again than was in hand" : "";
  }
  // Its beginning was given back before it was whole in the reader, or while what was put together was in hand.
  [[nodiscard]] bool may_be_lost(std::size_t i) const {
    const auto& sent = script_->whole()[i];
    return sent.records.size() > 1 && (sent.begun_after != sent.whole_after || shape_.way == ReadWay::two_in_hand ||
                                       (shape_.way == ReadWay::one_by_one && i != sent.whole_before_it));
  }
  // The writer has the whole ring, and the heir its buffers.
  std::string work_on(Reader& reader) {
    frame::FrameWriter<typename Kind::Producer> writer(script_->producer(), {.max_message = max_message});
    std::string wrong;
    for (const std::uint64_t bytes : {small_bytes, small_bytes, std::uint64_t{500}}) {
      const auto wanted = bytes == small_bytes ? blocks_total : 1;
      if (wrong.empty()) {
        wrong = this->fill(reader, bytes, wanted, [&](const FrameBytes& message) {
          return writer.write(message.all()) == frame::WriteResult::written;
        });
      }
    }
    return wrong;
  }

  Shape shape_;
  std::optional<Script<Kind>> script_;
  std::size_t at_ = 0; // of the script
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
        for (const auto& [way, how] : read_ways) {
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
