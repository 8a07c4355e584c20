// The floor of an arena that lends, under every interleaving within the bounds and with store buffers: a writer that
// lends the same two blocks again and again, a newcomer that joins at an older record, and a lossy reader. Whoever is
// handed a message sees what was written for it, as long as the view lives. Within these bounds it is found when the
// second look at the gates, the barrier before it or the look at the floor is left out, or the floor is stored too
// late.

#include "loan_witness.hpp"
#include "ringfleet/ring/ring.hpp"
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

struct LoanShape {
  unsigned loans = 4;
  bool has_newcomer = false;
};

class LoanWorld {
public:
  explicit LoanWorld(const LoanShape& shape) : shape_(shape), blocks_(8), segment_(3) {
    ring::format_ring(memory());
    (void)views_.open(1, bytes_of(segment_));
    producer_.emplace(memory(), spins);
    arena_.emplace(bytes_of(segment_));
    writer_.emplace(*producer_, WriterOptions<E>{.max_message = 64, .arena = &*arena_});
    // One message is there before anybody runs.
    lend(*writer_, 1);
  }

  unsigned processes() const { return 2; }
  bool is_mortal(unsigned process) const { return process == 0; }
  void run(unsigned process) {
    if (process == 0) {
      for (unsigned number = 2; number <= shape_.loans; ++number) {
        lend(*writer_, number);
      }
    } else if (shape_.has_newcomer) {
      witness_.join_and_read<Reader>(memory());
    } else {
      witness_.copy<Lossy>(memory());
    }
  }
  std::string verdict(const Outcome& /*outcome*/) { return witness_.wrong(); }

private:
  using Producer = ring::Producer<FrameBlock, E>;
  using Reader = ring::Reader<FrameBlock, E>;
  using Lossy = ring::LossyReader<FrameBlock, E>;

  ring::RingMemory<FrameBlock> memory() { return {lines_, evicted_, joins_, readers_, blocks_}; }

  LoanShape shape_;
  ring::ProducerLines lines_{};
  std::array<std::uint64_t, 1> evicted_{};
  ring::Sequence joins_{};
  std::array<ring::ReaderLines, 1> readers_{};
  std::vector<FrameBlock> blocks_;
  std::vector<FrameBlock> segment_;
  LoanViews views_;
  LoanWitness witness_{views_};
  std::optional<Producer> producer_;
  std::optional<LoanArena<E>> arena_;
  std::optional<FrameWriter<Producer, E>> writer_;
};

void walk(std::string_view name, const LoanShape& shape, const Bounds& bounds) {
  explore::walk(name, bounds, 40'000, [&] { return std::make_unique<LoanWorld>(shape); });
}

} // namespace

TEST_CASE("loan, explored: a newcomer at an older record views what was written for it, or is told that it is void") {
  walk("1p1c", {.loans = 4, .has_newcomer = true}, {.preemptions = 2, .deaths = 0});
  walk("1p1c, store buffers", {.loans = 4, .has_newcomer = true}, {.preemptions = 1, .deaths = 0, .delays = 1});
  walk("1p1c, the writer dies", {.loans = 4, .has_newcomer = true}, {.preemptions = 1, .deaths = 1});
}

TEST_CASE("loan, explored: a lossy reader uses no copy of memory that was lent again meanwhile") {
  walk("1p1l", {.loans = 5}, {.preemptions = 2, .deaths = 0});
  walk("1p1l, store buffers", {.loans = 5}, {.preemptions = 1, .deaths = 0, .delays = 1});
}

TEST_CASE("loan, explored: all of that on a machine that reorders stores and loads, as far as the orders let it") {
  for (const bool has_newcomer : {true, false}) {
    walk_reordered(has_newcomer ? "1p1c" : "1p1l", {.preemptions = 1, .deaths = 0}, 40'000,
                   [&] { return std::make_unique<LoanWorld>(LoanShape{.loans = 4, .has_newcomer = has_newcomer}); });
  }
}
