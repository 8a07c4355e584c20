// Arenas of rings with many producers, killed after each instruction of a lender: it takes an arena that is free or a
// dead one's, lends, commits or gives up, and gives the arena back; beside claims of one and of two dead producers.
// Nothing that was lent and not yet read is overwritten by the heir, who has the whole arena afterwards. faults 2, 3,
// 4, 39.

#include "message.hpp"
#include "ringfleet/frame/frame_reader.hpp"
#include "ringfleet/frame/frame_writer.hpp"
#include "ringfleet/ring/shared_lenders.hpp"
#include "ringfleet/ring/shared_producer.hpp"
#include "ringfleet/ring/shared_reader.hpp"
#include "stepkill.hpp"

#include <algorithm>
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
constexpr std::uint64_t small_bytes = 40;
constexpr ring::BarrierOptions spins{.waiting = ring::Waiting::spin, .shared = false};

using Producer = ring::SharedProducer<FrameBlock>;
using BlockReader = ring::SharedReader<FrameBlock>;

struct alignas(cache_line_bytes) ArenaBytes {
  std::array<std::byte, sizeof(ArenaLines) + arena_bytes> bytes;
};

struct LoanBytes {
  ring::SharedLines shared;
  ring::OwnerTable owners;
  std::array<std::uint64_t, 2> evicted;
  ring::Sequence joins;
  std::array<ring::ReaderLines, 2> readers;
  std::array<std::uint64_t, blocks_total> descriptors;
  std::array<std::uint64_t, 2> lenders;
  std::array<FrameBlock, blocks_total> blocks;
  std::array<ArenaBytes, 2> arenas;

  ring::SharedRingMemory<FrameBlock> ring() { return {shared, owners, descriptors, evicted, joins, readers, blocks}; }
  void format(std::uint64_t first_position) {
    new (this) LoanBytes{};
    ring::format_ring(ring(), first_position);
  }
};

// Identities of processes. The second one dies now; the third and the last have died before.
constexpr std::uint64_t survivor = 1;
constexpr std::uint64_t dying = 2;
constexpr std::uint64_t long_dead = 3;
constexpr std::uint64_t heir = 4;
constexpr std::uint64_t also_dead = 5;

enum class SecondArena : std::uint8_t {
  is_free,
  is_of_the_dead,            // and all that was lent from it was read
  is_of_the_dead_and_unread, // its last loan was not
  is_of_the_living
};

struct Shape {
  std::uint64_t position;
  std::uint64_t unread; // messages of one block, by the survivor
  std::uint64_t bytes;  // of the loan
  SecondArena second = SecondArena::is_free;
  bool gives_up = false;
  std::uint64_t dead_claims = 0; // of one block each, by the one and the other dead producer

  [[nodiscard]] bool was_lent() const {
    return second == SecondArena::is_of_the_dead || second == SecondArena::is_of_the_dead_and_unread;
  }
  // Before `position`.
  [[nodiscard]] std::uint64_t blocks() const { return unread + dead_claims + (was_lent() ? 1 : 0); }
};

void fill(std::span<std::byte> bytes, std::uint64_t number) {
  std::fill(bytes.begin(), bytes.end(), static_cast<std::byte>(number));
}
// Who it is from is told by its bytes.
std::uint64_t number_of(std::span<const std::byte> bytes) {
  const bool is_whole = std::all_of(bytes.begin(), bytes.end(), [&](std::byte byte) { return byte == bytes[0]; });
  return is_whole && !bytes.empty() ? static_cast<std::uint64_t>(bytes[0]) : 0;
}

// A producer that lends, from the arena that it gets.
class Lender {
public:
  template <class IsDead>
  Lender(LoanBytes& memory, Producer& producer, std::uint64_t identity, IsDead&& is_dead)
      : memory_(memory), number_(ring::take_arena(memory.lenders, identity, is_dead)) {
    if (number_) {
      arena_.emplace(memory.arenas[*number_ - 1].bytes, LoanArenaOptions{.number = *number_, .loans_max = 2});
      writer_.emplace(producer, WriterOptions<>{.max_message = max_message, .arena = &*arena_});
    }
  }
  [[nodiscard]] std::optional<std::uint32_t> number() const { return number_; }
  // Whatever becomes of it, its bytes are written.
  bool lend(std::uint64_t bytes, std::uint64_t number, bool commits) {
    auto loan = writer_->loan(bytes);
    if (!loan) {
      return false;
    }
    fill(loan.bytes(), number);
    return !commits || loan.commit(bytes) == WriteResult::written;
  }
  void write(std::uint64_t number) {
    std::array<std::byte, small_bytes> bytes{};
    fill(bytes, number);
    is_written_ = writer_->write(bytes) == WriteResult::written;
  }
  [[nodiscard]] bool is_written() const { return is_written_; }
  void end() { ring::release_arena(memory_.lenders, *number_); }

private:
  LoanBytes& memory_;
  std::optional<std::uint32_t> number_;
  std::optional<LoanArena<>> arena_;
  std::optional<FrameWriter<Producer>> writer_;
  bool is_written_ = false;
};

class Lending : public World {
public:
  using Memory = LoanBytes;
  Lending(Memory& memory, const Shape& shape) : memory_(memory), shape_(shape) {
    memory_.format(shape.position - shape.blocks());
    blocks_.emplace(*BlockReader::join(memory_.ring(), 0, {}, spins));
    (void)views_.open(1, memory_.arenas[0].bytes);
    (void)views_.open(2, memory_.arenas[1].bytes);
    reader_.emplace(*blocks_, ReaderOptions{.max_message = max_message, .arenas = &views_});
    survivor_ = Producer::join(memory_.ring(), survivor, nobody, spins);
    lender_.emplace(memory_, *survivor_, survivor, nobody);
    dead_ = Producer::join(memory_.ring(), long_dead, nobody, spins);
    also_dead_ = Producer::join(memory_.ring(), also_dead, nobody, spins);
    if (shape.was_lent()) {
      (void)Lender(memory_, *dead_, long_dead, nobody).lend(arena_bytes, from_the_dead, true);
      if (shape.second == SecondArena::is_of_the_dead) {
        (void)read();
      }
    } else if (shape.second == SecondArena::is_of_the_living) {
      memory_.lenders[1] = survivor;
    }
    for (std::uint64_t i = 0; i < shape.unread; ++i) {
      lender_->write(from_the_survivor);
    }
    for (std::uint64_t i = 0; i < shape.dead_claims; ++i) {
      std::uint64_t first = 0;
      (void)(i % 2 == 0 ? dead_ : also_dead_)->try_claim(1, first);
    }
    dying_ = Producer::join(memory_.ring(), dying, nobody, spins);
  }
  void operate() override {
    Lender lender(memory_, *dying_, dying,
                  [](std::uint64_t identity) { return identity == long_dead || identity == also_dead; });
    if (lender.number()) {
      (void)lender.lend(shape_.bytes, own_number, !shape_.gives_up);
      lender.end();
    }
  }
  void recover() override { (void)ring::repair_dead(memory_.ring().lines(), is_dead); }
  Verdict verdict() override {
    auto producer = Producer::join(memory_.ring(), heir, is_dead, spins);
    Lender next(memory_, *producer, heir, is_dead);
    const bool gets_one = shape_.second != SecondArena::is_of_the_living;
    if (next.number() != (gets_one ? std::optional(2U) : std::nullopt)) {
      return {gets_one ? "the heir does not get the arena of the dead" : "the arena of the living was taken"};
    }
    if (gets_one) {
      (void)next.lend(arena_bytes, 99, false); // where it gets the memory, nobody reads it any more
    }
    auto numbers = read();
    Verdict verdict{.wrong = {}, .outcome = static_cast<std::uint64_t>(std::erase(numbers, own_number))};
    std::vector<std::uint64_t> expected(shape_.unread, from_the_survivor);
    if (shape_.second == SecondArena::is_of_the_dead_and_unread) {
      expected.insert(expected.begin(), from_the_dead);
    }
    if (numbers != expected || verdict.outcome > 1) {
      verdict.wrong = "a message is torn, foreign, missing or there twice";
    }
    for (std::uint64_t round = 0; round < 3 && verdict.wrong.empty() && gets_one; ++round) {
      if (!next.lend(arena_bytes, 10 + round, true)) {
        verdict.wrong = "the heir has not the whole arena";
      } else if (read() != std::vector<std::uint64_t>{10 + round}) {
        verdict.wrong = "what the heir lent did not arrive";
      }
    }
    return verdict.wrong.empty() ? has_whole_ring(verdict) : verdict;
  }
  std::uint64_t promised() const override {
    const bool is_full = shape_.blocks() - (shape_.second == SecondArena::is_of_the_dead ? 1 : 0) == blocks_total;
    // What a dead producer had lent comes back when the readers have passed all that was claimed when it is taken over.
    const bool is_too_early = shape_.second == SecondArena::is_of_the_dead_and_unread ||
                              (shape_.second == SecondArena::is_of_the_dead && shape_.dead_claims != 0);
    return shape_.gives_up || is_full || is_too_early || shape_.second == SecondArena::is_of_the_living ? 0 : 1;
  }

private:
  static constexpr std::uint64_t from_the_dead = 7;
  static constexpr std::uint64_t from_the_survivor = 8;
  static constexpr std::uint64_t own_number = 9;

  static bool nobody(std::uint64_t) { return false; }
  static bool is_dead(std::uint64_t identity) {
    return identity == dying || identity == long_dead || identity == also_dead;
  }

  // By number; 0 for one that is not whole.
  std::vector<std::uint64_t> read() {
    std::vector<std::uint64_t> numbers;
    for (int polls = 0; polls < 4; ++polls) {
      const auto result = reader_->poll([&](const View& view) { numbers.push_back(number_of(view.bytes)); });
      if (result.ended == ReadResult::malformed) {
        numbers.push_back(0);
      }
    }
    return numbers;
  }
  Verdict has_whole_ring(Verdict verdict) {
    for (std::uint64_t i = 0; i <= blocks_total; ++i) {
      lender_->write(from_the_survivor);
      if (lender_->is_written() != (i < blocks_total)) {
        verdict.wrong = fmt::format("the ring takes {} of {}", i, blocks_total);
        return verdict;
      }
    }
    if (read() != std::vector<std::uint64_t>(blocks_total, from_the_survivor)) {
      verdict.wrong = "what a survivor published did not arrive";
    }
    return verdict;
  }

  Memory& memory_;
  Shape shape_;
  LoanViews views_;
  std::optional<BlockReader> blocks_;
  std::optional<FrameReader<BlockReader>> reader_;
  std::optional<Producer> survivor_, dead_, also_dead_, dying_;
  std::optional<Lender> lender_; // the survivor's
};

std::vector<Scenario> scenarios() {
  std::vector<Scenario> all;
  for (const std::uint64_t phase : {0U, 1U, 2U}) { // blocks in front of the end of the ring
    for (const auto& place : places(blocks_total, phase)) {
      const auto add = [&](const char* what, Shape shape) {
        shape.position = place.position;
        all.push_back(scenario_of<Lending>(fmt::format("{}, {} bytes, {} unread, {} dead claims, {}", what, shape.bytes,
                                                       shape.unread, shape.dead_claims, place.name),
                                           shape));
      };
      using enum SecondArena;
      add("lend", {.position = 0, .unread = 0, .bytes = 1});
      add("lend", {.position = 0, .unread = 15, .bytes = arena_bytes});
      add("lend into a full ring", {.position = 0, .unread = blocks_total, .bytes = 100});
      add("lend and give up", {.position = 0, .unread = 3, .bytes = 200, .gives_up = true});
      for (const std::uint64_t dead : {1U, 2U}) {
        for (const std::uint64_t unread : {std::uint64_t{2}, blocks_total - 1 - dead, blocks_total - dead}) {
          add("lend", {.position = 0, .unread = unread, .bytes = 200, .dead_claims = dead});
        }
        add("lend and give up", {.position = 0, .unread = 1, .bytes = 200, .gives_up = true, .dead_claims = dead});
        add("lend from a dead one's",
            {.position = 0, .unread = 1, .bytes = 300, .second = is_of_the_dead, .dead_claims = dead});
        add("lend from a dead one's, too early", {.position = 0,
                                                  .unread = 14 - dead,
                                                  .bytes = 100,
                                                  .second = is_of_the_dead_and_unread,
                                                  .dead_claims = dead});
        add("lend where the living hold all",
            {.position = 0, .unread = 1, .bytes = 100, .second = is_of_the_living, .dead_claims = dead});
      }
      add("lend from a dead one's", {.position = 0, .unread = 0, .bytes = 300, .second = is_of_the_dead});
      add("lend from a dead one's, too early",
          {.position = 0, .unread = 1, .bytes = 100, .second = is_of_the_dead_and_unread});
      add("lend where the living hold all", {.position = 0, .unread = 1, .bytes = 100, .second = is_of_the_living});
    }
  }
  return all;
}

} // namespace

int main(int argc, char** argv) {
  return stepkill_main(argc, argv, "stepkill_shared_loan", scenarios(), {.recoveries_max = 1, .one_of = 3});
}
