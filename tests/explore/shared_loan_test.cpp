// Arenas of a ring with many producers, under every interleaving within the bounds and with store buffers: a lender
// that dies anywhere, an heir that takes its arena, another lender meanwhile, and a reader that joins at an older
// record or copies. Whoever is handed a message sees what was written for it, as long as the view lives.

#include "loan_witness.hpp"
#include "ringfleet/ring/lossy_reader.hpp"
#include "ringfleet/ring/shared_lenders.hpp"
#include "ringfleet/ring/shared_producer.hpp"
#include "ringfleet/ring/shared_reader.hpp"
#include "walk.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::explore;
using namespace ringfleet::frame;

namespace {

using E = ExploredAtomics;

struct SharedLoanShape {
  unsigned loans = 3; // of each lender
  bool is_lossy = false;
  bool has_heir = false; // else another lender, with an arena of its own
};

class SharedLoanWorld {
public:
  explicit SharedLoanWorld(const SharedLoanShape& shape) : shape_(shape), descriptors_(8), blocks_(8) {
    ring::format_ring(memory());
    for (std::uint32_t number = 1; number <= arenas; ++number) {
      segments_[number - 1].resize(3);
      (void)views_.open(number, segment(number));
    }
    first_.emplace(*this, 0);
    // One message is there before anybody runs.
    lend(first_->writer, 1);
  }

  unsigned processes() const { return 3; }
  bool is_mortal(unsigned process) const { return process == 0; }
  void run(unsigned process) {
    if (process == 0) {
      for (unsigned number = 2; number <= shape_.loans; ++number) {
        lend(first_->writer, number);
      }
    } else if (process == 1) {
      shape_.is_lossy ? witness_.copy<Lossy>(memory()) : witness_.join_and_read<Reader>(memory());
    } else if (!shape_.has_heir || wait_for_death()) {
      second_.emplace(*this, process);
      for (unsigned number = 1; number <= shape_.loans; ++number) {
        lend(second_->writer, 100 + number);
      }
    }
  }
  std::string verdict(const Outcome& outcome) {
    if (outcome.is_dead(0) && shape_.has_heir && second_ && second_->arena_number != 1) {
      return "the heir has another arena";
    }
    return witness_.wrong();
  }

private:
  using Producer = ring::SharedProducer<FrameBlock, E>;
  using Reader = ring::SharedReader<FrameBlock, E>;
  using Lossy = ring::SharedLossyReader<FrameBlock, E>;
  static constexpr std::uint32_t arenas = 2;
  static std::uint64_t identity_of(unsigned process) { return 100 + process; }

  struct Lender {
    Lender(SharedLoanWorld& world, unsigned process)
        : producer(Producer::join(world.memory(), identity_of(process), is_dead_owner, spins)),
          arena_number(*ring::take_arena<E>(world.lenders(), identity_of(process), is_dead_owner)),
          arena(world.segment(arena_number), {.number = arena_number}),
          writer(*producer, {.max_message = 64, .arena = &arena}) {}

    std::optional<Producer> producer;
    std::uint32_t arena_number;
    LoanArena<E> arena;
    FrameWriter<Producer, E> writer;
  };

  static bool is_dead_owner(std::uint64_t identity) { return identity == identity_of(0) && is_dead(0); }

  ring::SharedRingMemory<FrameBlock> memory() {
    return {shared_, owners_, descriptors_, evicted_, joins_, readers_, blocks_};
  }
  // With an heir there is one arena only.
  std::span<std::uint64_t> lenders() { return std::span(lenders_).first(shape_.has_heir ? 1 : arenas); }
  std::span<std::byte> segment(std::uint32_t number) { return bytes_of(segments_[number - 1]); }

  SharedLoanShape shape_;
  ring::SharedLines shared_{};
  ring::OwnerTable owners_{};
  std::vector<std::uint64_t> descriptors_;
  std::array<std::uint64_t, 1> evicted_{};
  ring::Sequence joins_{};
  std::array<ring::ReaderLines, 1> readers_{};
  std::array<std::uint64_t, arenas> lenders_{};
  std::vector<FrameBlock> blocks_;
  std::array<std::vector<FrameBlock>, arenas> segments_;
  LoanViews views_;
  LoanWitness witness_{views_};
  std::optional<Lender> first_;
  std::optional<Lender> second_;
};

void walk(std::string_view name, const SharedLoanShape& shape, const Bounds& bounds) {
  explore::walk(name, bounds, 40'000, [&] { return std::make_unique<SharedLoanWorld>(shape); });
}

} // namespace

TEST_CASE("shared loan, explored: an heir lends nothing that somebody still reads") {
  walk("1p1c, an heir", {.has_heir = true}, {.preemptions = 2, .deaths = 1});
  walk("1p1c, an heir, store buffers", {.has_heir = true}, {.preemptions = 1, .deaths = 1, .delays = 1});
  walk("1p1l, an heir", {.is_lossy = true, .has_heir = true}, {.preemptions = 2, .deaths = 1});
}

TEST_CASE("shared loan, explored: of two lenders each takes back what is its own") {
  walk("2p1c", {}, {.preemptions = 2, .deaths = 0});
  walk("2p1c, a death, store buffers", {}, {.preemptions = 1, .deaths = 1, .delays = 1});
  walk("2p1l", {.loans = 4, .is_lossy = true}, {.preemptions = 1, .deaths = 0, .delays = 1});
}

TEST_CASE("shared loan, explored: an heir and a lender on a machine that reorders stores and loads") {
  for (const bool has_heir : {true, false}) {
    walk_reordered(has_heir ? "1p1c, an heir" : "2p1c", {.preemptions = 1, .deaths = has_heir ? 1U : 0U}, 40'000, [&] {
      return std::make_unique<SharedLoanWorld>(SharedLoanShape{.loans = 2, .has_heir = has_heir});
    });
  }
}
