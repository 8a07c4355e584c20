// The floor of an arena that lends, under every interleaving within the bounds and with store buffers: a writer that
// lends the same two blocks again and again, a newcomer that joins at an older record, and a lossy reader. Whoever is
// handed a message sees what was written for it, as long as the view lives. Within these bounds it is found when the
// second look at the gates, the barrier before it or the look at the floor is left out, or the floor is stored too
// late.

#include "explored_atomics.hpp"
#include "ringfleet/frame/frame_reader.hpp"
#include "ringfleet/frame/frame_writer.hpp"
#include "ringfleet/frame/lossy_frame_reader.hpp"
#include "ringfleet/ring/ring.hpp"
#include "walk.hpp"

#include <array>
#include <cstdint>
#include <cstring>
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
    (void)views_.open(1, segment());
    producer_.emplace(memory(), spins);
    arena_.emplace(segment());
    writer_.emplace(*producer_, WriterOptions<E>{.max_message = 64, .arena = &*arena_});
    // One message is there before anybody runs.
    lend(1);
  }

  unsigned processes() const { return 2; }
  bool is_mortal(unsigned process) const { return process == 0; }
  void run(unsigned process) {
    if (process == 0) {
      for (unsigned number = 2; number <= shape_.loans; ++number) {
        lend(number);
      }
    } else if (shape_.has_newcomer) {
      join_and_read();
    } else {
      copy();
    }
  }
  std::string verdict(const Outcome& /*outcome*/) { return wrong_; }

private:
  using Producer = ring::Producer<FrameBlock, E>;
  using Reader = ring::Reader<FrameBlock, E>;
  using Lossy = ring::LossyReader<FrameBlock, E>;
  static constexpr ring::BarrierOptions spins{.waiting = ring::Waiting::spin, .shared = false};

  ring::RingMemory<FrameBlock> memory() { return {lines_, evicted_, joins_, readers_, blocks_}; }
  std::span<std::byte> segment() { return {segment_.data()->bytes, segment_.size() * block_bytes}; }
  static std::uint64_t& word_in(std::span<const std::byte> bytes) {
    return *reinterpret_cast<std::uint64_t*>(const_cast<std::byte*>(bytes.data()));
  }

  void lend(unsigned number) {
    auto loan = writer_->loan(64);
    if (loan) {
      E::store_relaxed(word_in(loan.bytes()), std::uint64_t{number});
      (void)loan.commit(std::uint64_t{8}, {.kind = static_cast<std::uint16_t>(number)});
    }
  }
  void check(const View& view, std::uint64_t value) {
    if (value != view.kind) {
      wrong_ = "message " + std::to_string(view.kind) + " shows what was written for " + std::to_string(value);
    }
  }

  void join_and_read() {
    auto blocks = Reader::join(memory(), 0, {.from = ring::JoinFrom::oldest}, spins);
    FrameReader<Reader, E> reader(*blocks, {.max_message = 64, .arenas = &views_});
    for (unsigned polls = 0; polls < 2; ++polls) {
      (void)reader.poll([&](const View& view) {
        check(view, E::load_relaxed(word_in(view.bytes)));
        check(view, E::load_relaxed(word_in(view.bytes))); // and it stays
      });
    }
    blocks->leave();
  }
  void copy() {
    auto blocks = Lossy::watch(memory(), {.from = ring::JoinFrom::oldest}, spins);
    LossyFrameReader<Lossy, E> reader(*blocks, {.max_message = 64, .arenas = &views_});
    for (unsigned polls = 0; polls < 2; ++polls) {
      (void)reader.poll([&](const View& view) {
        std::uint64_t value = 0;
        std::memcpy(&value, view.bytes.data(), sizeof(value));
        check(view, value);
      });
    }
  }

  LoanShape shape_;
  ring::ProducerLines lines_{};
  std::array<std::uint64_t, 1> evicted_{};
  ring::Sequence joins_{};
  std::array<ring::ReaderLines, 1> readers_{};
  std::vector<FrameBlock> blocks_;
  std::vector<FrameBlock> segment_;
  LoanViews views_;
  std::optional<Producer> producer_;
  std::optional<LoanArena<E>> arena_;
  std::optional<FrameWriter<Producer, E>> writer_;
  std::string wrong_;
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
