#pragma once

// A reader of frames dies while it reads: all that is there at once, one message after the other, or with two in hand.
// It has a line in the member table, so that its id goes on where it had given back to. What lies in the ring, and what
// the heir of the id must get of it, is for each program to say.

#include "frame_bytes.hpp"
#include "frame_kinds.hpp"
#include "known_members.hpp"
#include "ringfleet/frame/frame_reader.hpp"
#include "ringfleet/ring/member_protocol.hpp"
#include "scenario.hpp"

#include <array>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include <fmt/format.h>

namespace ringfleet::kill {

enum class ReadWay : std::uint8_t { all_at_once, one_by_one, two_in_hand };
inline constexpr std::array read_ways{std::pair(ReadWay::all_at_once, "at once"),
                                      std::pair(ReadWay::one_by_one, "one by one"),
                                      std::pair(ReadWay::two_in_hand, "two in hand")};

template <class Kind>
class FrameReaderWorld : public World {
public:
  struct Memory {
    typename Kind::Memory ring;
    std::array<ring::MemberLine, std::tuple_size_v<decltype(Kind::Memory::readers)>> members;
    std::uint64_t handed_out; // so many messages
    std::uint64_t done;       // so many of them are not needed any more
  };
  using Reader = frame::FrameReader<typename Kind::Reader>;

  void recover() override {
    if (const auto gate = observe_gate(); !gate_ && ring::is_gating(gate)) {
      gate_ = gate;
    }
    ring::MemberProtocol<> survivor(memory_.members, memory_.ring.readers, the_survivor);
    for (std::size_t line = 0; line < memory_.members.size(); ++line) {
      (void)survivor.settle(line, never, has_died_by_now);
    }
  }

protected:
  // The ring is empty at `position`, and a line is taken.
  FrameReaderWorld(Memory& memory, std::uint64_t position, ReadWay way) : memory_(memory), way_(way) {
    memory.ring.format(position);
    memory.members = {};
    memory.handed_out = memory.done = 0;
    ring::MemberProtocol<> protocol(memory.members, memory.ring.readers, the_dead);
    const auto claim = protocol.claim(its_id(), {}, nobody);
    (void)protocol.join(claim);
    line_ = claim.line;
    memory.members[line_].kept_position = position;
  }
  // The one who dies is there; its heir has the same options.
  void join(const frame::ReaderOptions& options) {
    options_ = options;
    blocks_.emplace(*Kind::Reader::join(memory_.ring.ring(), line_, {}, frame_spins));
    reader_.emplace(*blocks_, options);
    begin_ = observe_gate();
  }
  // Before it dies in what it reads next: all up to `end`, and nothing of it is needed any more.
  void read_before(std::uint64_t end) {
    const auto wrong = poll_all(*reader_, [&](const frame::View&) { memory_.done = ++memory_.handed_out; });
    if (!wrong.empty() || reader_->position() != end) {
      std::abort();
    }
    handed_out_before_ = memory_.handed_out;
    begin_ = observe_gate();
  }

  // By the one who dies, all that is there: `is_right(view, number)`. Answers how many messages were ever handed out.
  template <class IsRight>
  std::uint64_t read_all(IsRight&& is_right) {
    auto number = memory_.handed_out;
    const auto is_handed_out = [&](const frame::View& view) {
      if (!is_right(view, number)) {
        std::abort();
      }
      Atomics::store_release(memory_.handed_out, ++number);
    };
    const auto is_done = [&](std::uint64_t count) { Atomics::store_release(memory_.done, count); };
    if (way_ == ReadWay::two_in_hand) {
      while_further(*reader_, [&] {
        for (frame::View view; reader_->take(view) == frame::ReadResult::message;) {
          is_handed_out(view);
          if (reader_->held() == 2) {
            is_done(number - 1);
            (void)reader_->release_held();
          }
        }
        is_done(number);
        (void)reader_->release_held(2);
      });
    } else {
      const auto max = way_ == ReadWay::one_by_one ? 1 : ~std::uint64_t{0};
      const auto handle = [&](const frame::View& view) {
        is_handed_out(view);
        is_done(number);
      };
      while_further(*reader_, [&] { (void)reader_->poll(handle, max); });
    }
    return number;
  }
  // So many messages may come again.
  [[nodiscard]] std::uint64_t in_hand_max() const {
    return way_ == ReadWay::all_at_once ? memory_.handed_out - handed_out_before_ : way_ == ReadWay::one_by_one ? 1 : 2;
  }

  // Somebody comes back under the id: `go_on(heir, kept)` answers what is wrong with what it gets from `kept` on.
  template <class GoOn>
  Verdict come_back(GoOn&& go_on) {
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
    Reader heir(*blocks, options_);
    const std::string wrong = go_on(heir, kept);
    blocks->leave();
    survivor.leave(claim.line, word, false, 0);
    return {wrong, kept - begin_};
  }
  // All that is there. Answers what is wrong with a record.
  template <class Handle>
  static std::string poll_all(Reader& reader, Handle&& handle) {
    std::string wrong;
    while_further(reader, [&] {
      if (reader.poll(handle).ended == frame::ReadResult::malformed) {
        wrong = std::string("an honest writer's record is malformed: ") + to_string(reader.last_fault());
      }
    });
    return wrong;
  }
  // Nothing is unread: the ring takes as many messages of `bytes` as it has room for, and they come.
  template <class Write>
  static std::string fill(Reader& reader, std::uint64_t bytes, std::uint64_t wanted, Write&& write) {
    std::uint64_t written = 0;
    while (written <= blocks_total && write(FrameBytes(bytes, 100 + written))) {
      ++written;
    }
    std::uint64_t seen = 0;
    (void)reader.poll([&](const frame::View& view) { seen += FrameBytes(bytes, 100 + seen).is(view.bytes) ? 1 : 0; });
    if (written != wanted || seen != written) {
      return fmt::format("the ring takes {} of {} messages of {} bytes, and {} come", written, wanted, bytes, seen);
    }
    return {};
  }

  Memory& memory_;
  ReadWay way_;
  std::uint64_t begin_ = 0; // of the read in which it dies

private:
  // An aborted claim ends a poll, and is skipped when nothing is held.
  template <class Read>
  static void while_further(const Reader& reader, Read&& read) {
    for (auto before = ~reader.position(); before != reader.position();) {
      before = reader.position();
      read();
    }
  }
  [[nodiscard]] std::uint64_t observe_gate() const { return memory_.ring.readers[line_].gate.observe(); }

  frame::ReaderOptions options_;
  std::uint32_t line_ = 0;
  std::optional<typename Kind::Reader> blocks_; // of whoever dies
  std::optional<Reader> reader_;
  std::uint64_t handed_out_before_ = 0; // messages, before the read in which it dies
  std::optional<std::uint64_t> gate_;   // seen before anybody recovered
};

} // namespace ringfleet::kill
