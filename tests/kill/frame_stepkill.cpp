// Frames, killed after each instruction of their writer: messages in place, at the end of the ring, in fragments, given
// up, and lent from an arena. A half message is never delivered, and the successor's messages are. faults 2, 3, 4, 39.

#include "message.hpp"
#include "ringfleet/frame/frame_reader.hpp"
#include "ringfleet/frame/frame_writer.hpp"
#include "ringfleet/ring/ring.hpp"
#include "stepkill.hpp"

#include <array>
#include <new>
#include <optional>
#include <string>
#include <vector>

using namespace ringfleet;
using namespace ringfleet::kill;
using namespace ringfleet::frame;

namespace {

constexpr std::uint64_t blocks_total = 16;
constexpr std::size_t arena_bytes = 512;
constexpr std::uint64_t max_message = 1'024;
constexpr ring::BarrierOptions spins{.waiting = ring::Waiting::spin, .shared = false};

using BlockProducer = ring::Producer<FrameBlock>;
using BlockReader = ring::Reader<FrameBlock>;

struct FrameBytes {
  ring::ProducerLines producer;
  std::array<std::uint64_t, 4> evicted;
  ring::Sequence joins;
  std::array<ring::ReaderLines, 4> readers;
  std::array<FrameBlock, blocks_total> blocks;
  alignas(64) std::array<std::byte, sizeof(ArenaLines) + arena_bytes> arena;

  ring::RingMemory<FrameBlock> ring() { return {producer, evicted, joins, readers, blocks}; }
  void format(std::uint64_t first_position) {
    new (this) FrameBytes{};
    ring::format_ring(ring(), first_position);
  }
};

enum class Way : std::uint8_t { whole, given_up, staged, lent };

struct Shape {
  std::uint64_t position;
  std::uint64_t unread; // messages of one block
  std::uint64_t bytes;
  Way way = Way::whole;
};

std::byte byte_of(std::uint64_t number, std::uint64_t index) {
  return static_cast<std::byte>((number * 0x9e37'79b9'7f4a'7c15 + index * 0x1234'5677) >> 24);
}
void fill(std::span<std::byte> bytes, std::uint64_t number) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = byte_of(number, i);
  }
}
bool is_filled(std::span<const std::byte> bytes, std::uint64_t number) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] != byte_of(number, i)) {
      return false;
    }
  }
  return true;
}

// A writer with its arena; the second one in the life of a memory is the successor of the dead one.
struct Writing {
  explicit Writing(FrameBytes& memory)
      : arena(memory.arena), producer(memory.ring(), spins),
        writer(producer, {.max_message = max_message, .arena = &arena}) {
    arena.resume(producer.published());
  }
  bool write(std::uint64_t bytes, std::uint64_t number) {
    std::array<std::byte, max_message> message{};
    fill(std::span(message).first(bytes), number);
    return writer.write(std::span<const std::byte>(message).first(bytes)) == WriteResult::written;
  }
  bool lend(std::uint64_t bytes, std::uint64_t number) {
    auto loan = writer.loan(bytes);
    if (!loan) {
      return false;
    }
    fill(loan.bytes(), number);
    return loan.commit(bytes) == WriteResult::written;
  }

  LoanArena<> arena;
  BlockProducer producer;
  FrameWriter<BlockProducer> writer;
};

constexpr std::uint64_t unread_bytes = 40;

class WritingWorld : public World {
public:
  using Memory = FrameBytes;
  WritingWorld(Memory& memory, const Shape& shape) : memory_(memory), shape_(shape) {
    memory_.format(shape.position - shape.unread);
    blocks_.emplace(*BlockReader::join(memory_.ring(), 0, {}, spins));
    (void)views_.open(1, memory_.arena);
    reader_.emplace(*blocks_, ReaderOptions{.max_message = max_message, .arenas = &views_});
    writing_.emplace(memory_);
    for (std::uint64_t i = 0; i < shape.unread; ++i) {
      (void)writing_->write(unread_bytes, i);
    }
  }
  void operate() override {
    switch (shape_.way) {
    case Way::whole: (void)writing_->write(shape_.bytes, own_number); break;
    case Way::lent: (void)writing_->lend(shape_.bytes, own_number); break;
    case Way::given_up: {
      auto claim = writing_->writer.claim(shape_.bytes);
      fill(claim.bytes(), 77);
      claim.abort();
      (void)writing_->write(shape_.bytes, own_number);
      break;
    }
    case Way::staged: {
      auto claim = writing_->writer.claim(shape_.bytes);
      fill(claim.bytes(), own_number);
      claim.commit(shape_.bytes, {.publish = false});
      writing_->writer.flush();
      break;
    }
    }
  }
  void recover() override { ring::Producer<FrameBlock> successor(memory_.ring(), spins); }
  Verdict verdict() override {
    Verdict verdict;
    std::uint64_t seen = 0;
    verdict.wrong = read([&](const View& view) {
      const bool is_own = seen == shape_.unread;
      ++seen;
      return is_own ? view.bytes.size() == shape_.bytes && is_filled(view.bytes, own_number)
                    : view.bytes.size() == unread_bytes && is_filled(view.bytes, seen - 1);
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
  std::uint64_t promised() const override { return 1; }

private:
  static constexpr std::uint64_t own_number = 1'000;

  template <class Check>
  std::string read(Check&& is_right) {
    std::string wrong;
    for (int polls = 0; polls < 4; ++polls) {
      const auto result = reader_->poll([&](const View& view) {
        if (!is_right(view) && wrong.empty()) {
          wrong = "a message is torn, foreign or out of order";
        }
      });
      if (result.ended == ReadResult::malformed && wrong.empty()) {
        wrong = std::string("an honest writer's record is malformed: ") + to_string(reader_->last_fault());
      }
    }
    return wrong;
  }
  // The successor has the whole ring and the whole arena.
  std::string work_on() {
    Writing successor(memory_);
    for (std::uint64_t round = 0; round < 3; ++round) {
      std::uint64_t written = 0;
      while (written <= blocks_total && successor.write(unread_bytes, 10 * round + written)) {
        ++written;
      }
      std::uint64_t seen = 0;
      const auto wrong = read([&](const View& view) { return is_filled(view.bytes, 10 * round + seen++); });
      if (!wrong.empty() || written != blocks_total || seen != written) {
        return wrong.empty() ? fmt::format("the successor wrote {} messages, {} came", written, seen) : wrong;
      }
    }
    if (!successor.lend(arena_bytes, 5)) {
      return "the arena is not free";
    }
    std::uint64_t seen = 0;
    auto wrong = read([&](const View& view) {
      ++seen;
      return view.bytes.size() == arena_bytes && is_filled(view.bytes, 5);
    });
    return wrong.empty() && seen != 1 ? "the successor's loan did not come" : wrong;
  }

  Memory& memory_;
  Shape shape_;
  LoanViews views_;
  std::optional<Writing> writing_;
  std::optional<BlockReader> blocks_;
  std::optional<FrameReader<BlockReader>> reader_;
};

std::vector<Scenario> scenarios() {
  std::vector<Scenario> all;
  for (const std::uint64_t phase : {0U, 1U, 2U}) { // blocks in front of the end of the ring
    for (const auto& place : places(blocks_total, phase)) {
      const auto add = [&](const char* what, const Shape& shape) {
        all.push_back(scenario_of<WritingWorld>(
            fmt::format("{} {} bytes, {} unread, {}", what, shape.bytes, shape.unread, place.name), shape));
      };
      add("write", {.position = place.position, .unread = 0, .bytes = 0});
      add("write", {.position = place.position, .unread = 1, .bytes = 150});
      add("write in fragments", {.position = place.position, .unread = 2, .bytes = 500});
      add("give up, write", {.position = place.position, .unread = 1, .bytes = 100, .way = Way::given_up});
      add("stage, flush", {.position = place.position, .unread = 3, .bytes = 100, .way = Way::staged});
      add("lend", {.position = place.position, .unread = 1, .bytes = 200, .way = Way::lent});
    }
  }
  return all;
}

} // namespace

int main(int argc, char** argv) {
  return stepkill_main(argc, argv, "stepkill_frame", scenarios(), 4);
}
