// T3, faults 2, 3, 4, 6 and 7: writers in processes lend from arenas of their own on a ring with many producers, and
// die at random accesses to shared words: before they have lent, with a loan open, between the claim of its record and
// its commit, afterwards. What was published is read whole however late; whoever takes the arena of a dead one lends
// nothing of it that is still read; no memory is lost.
//
// RINGFLEET_TEST_ROUNDS: how many deaths; RINGFLEET_TEST_SEED.

#include "../dying_atomics.hpp"
#include "../mortals.hpp"
#include "../scale.hpp"
#include "../seed.hpp"
#include "ringfleet/frame/frame_reader.hpp"
#include "ringfleet/frame/frame_writer.hpp"
#include "ringfleet/os/process.hpp"
#include "ringfleet/ring/shared_lenders.hpp"
#include "ringfleet/ring/shared_producer.hpp"
#include "ringfleet/ring/shared_reader.hpp"

#include <array>
#include <deque>
#include <map>
#include <random>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::frame;
using ringfleet::test::DyingAtomics;

namespace {

constexpr std::size_t capacity = 16;
constexpr std::size_t lendable = 10 * block_bytes;
constexpr unsigned workers = 2;
constexpr std::uint32_t views_max = 4;

// What a worker says about itself: it had published `done` messages for sure, and at most `begun`.
struct alignas(128) Account {
  std::uint64_t begun = 0;
  std::uint64_t done = 0;
};

struct Memory {
  ring::SharedLines lines;
  ring::OwnerTable owners;
  std::array<std::uint64_t, capacity> descriptors;
  std::array<std::uint64_t, 1> evicted;
  ring::Sequence joins;
  std::array<ring::ReaderLines, 1> readers;
  std::array<std::uint64_t, workers> lenders;
  std::array<FrameBlock, capacity> slots;
  struct Segment {
    alignas(64) std::array<std::byte, sizeof(ArenaLines) + lendable> bytes;
  };
  std::array<Segment, workers> arenas;
  std::array<Account, workers> accounts;

  ring::SharedRingMemory<FrameBlock> ring() { return {lines, owners, descriptors, evicted, joins, readers, slots}; }
  std::span<std::byte> arena(std::uint32_t number) { return arenas[number - 1].bytes; }
};

bool is_dead(std::uint64_t identity) {
  return os::liveness_of(ring::process_of(identity)) != os::Liveness::alive;
}

// Every word of a message says which one it is.
std::uint64_t word_of(std::uint64_t incarnation, std::uint64_t number) {
  return incarnation << 32 | number;
}
std::span<std::uint64_t> words_in(std::span<const std::byte> bytes) {
  return {reinterpret_cast<std::uint64_t*>(const_cast<std::byte*>(bytes.data())), bytes.size() / 8};
}

// A writer; it dies somewhere in here. Every third loan is dropped.
[[noreturn]] void work(Memory& memory, Account& account, std::uint64_t incarnation) {
  using Producer = ring::SharedProducer<FrameBlock, DyingAtomics>;
  const auto identity = ring::owner_identity(os::own_identity());
  auto producer = Producer::join(memory.ring(), identity, is_dead);
  const auto number = ring::take_arena<DyingAtomics>(memory.lenders, identity, is_dead);
  if (!producer || !number) {
    _exit(1);
  }
  LoanArena<DyingAtomics> arena(memory.arena(*number), {.number = *number, .loans_max = 4});
  FrameWriter<Producer, DyingAtomics> writer(*producer, {.arena = &arena});
  for (std::uint64_t message = 0, loans = 0;; ++loans) {
    auto loan = writer.loan(8 * (1 + (incarnation + loans) * 7 % 40));
    if (!loan) {
      ring::yield_core();
      continue;
    }
    for (auto& word : words_in(loan.bytes())) {
      Atomics::store_relaxed(word, word_of(incarnation, message));
    }
    if (loans % 3 == 2) {
      continue;
    }
    Atomics::store_release(account.begun, message + 1);
    while (loan.commit(std::uint64_t{loan.bytes().size()}) != WriteResult::written) {
      ring::yield_core();
    }
    Atomics::store_release(account.done, ++message);
  }
}

class Field {
public:
  explicit Field(std::uint64_t first_position) {
    ring::format_ring(memory_->ring(), first_position);
    for (std::uint32_t number = 1; number <= workers; ++number) {
      REQUIRE(views_.open(number, memory_->arena(number)));
    }
    blocks_ = ring::SharedReader<FrameBlock>::join(memory_->ring(), 0);
    reader_.emplace(*blocks_, ReaderOptions{.held_views = views_max, .arenas = &views_});
  }
  Field(const Field&) = delete;
  Field& operator=(const Field&) = delete;

  void start(unsigned worker, std::uint64_t steps_to_live) {
    incarnation_of_[worker] = ++incarnation_;
    memory_->accounts[worker] = {};
    writers_.start(worker, [&] {
      DyingAtomics::steps_to_live = steps_to_live;
      work(*memory_, memory_->accounts[worker], incarnation_);
    });
  }
  // Is it dead? Then what it had published, and nothing else of it, is read.
  bool reap(unsigned worker) {
    const auto fate = writers_.reap(worker);
    if (fate == Writers::Fate::alive) {
      return false;
    }
    wrong_ += fate != Writers::Fate::killed;
    const auto lines = memory_->ring().lines();
    const auto tail = ring::latest_claim(lines).end();
    while (ring::is_before(reader_->position(), tail)) {
      (void)ring::repair_dead(lines, is_dead); // the other one may die in the way
      read();
    }
    const auto& account = memory_->accounts[worker];
    const auto count = read_[incarnation_of_[worker]];
    wrong_ += count < account.done || count > account.begun;
    return true;
  }

  // A message is looked at when it comes, and again when it has been held for a while.
  void read() {
    View view;
    const auto result = held_.size() == views_max ? ReadResult::held : reader_->take(view);
    if (result == ReadResult::message) {
      const auto words = words_in(view.bytes);
      const auto incarnation = words[0] >> 32;
      wrong_ += Atomics::load_relaxed(words[0]) != word_of(incarnation, read_[incarnation]++);
      held_.push_back({view, words[0]});
    } else if (!held_.empty()) {
      release();
    } else {
      ring::yield_core();
    }
  }
  void release_all() {
    while (!held_.empty()) {
      release();
    }
  }

  // Everybody is dead: all memory of every arena is to be had. How much was wrong.
  std::uint64_t check_use() {
    release_all();
    using Producer = ring::SharedProducer<FrameBlock>;
    const auto identity = ring::owner_identity(os::own_identity());
    for (unsigned i = 0; i < workers; ++i) {
      auto producer = Producer::join(memory_->ring(), identity, is_dead);
      const auto number = ring::take_arena(memory_->lenders, identity, is_dead);
      REQUIRE((producer && number));
      LoanArena<> arena(memory_->arena(*number), {.number = *number});
      FrameWriter<Producer> writer(*producer, {.arena = &arena});
      wrong_ += !writer.loan(lendable);
    }
    wrong_ += ring::take_arena(memory_->lenders, identity, is_dead).has_value(); // the living hold them
    return wrong();
  }

  [[nodiscard]] std::uint64_t wrong() const {
    return wrong_ + reader_->counts().malformed + reader_->counts().loans_void;
  }
  [[nodiscard]] std::uint64_t loans() const { return reader_->counts().loans; }

private:
  using Writers = ringfleet::test::Mortals<workers>;

  struct Held {
    View view;
    std::uint64_t word;
  };

  void release() {
    for (auto& word : words_in(held_.front().view.bytes)) {
      wrong_ += Atomics::load_relaxed(word) != held_.front().word;
    }
    held_.pop_front();
    wrong_ += reader_->release_held() != ReadResult::message;
  }

  ringfleet::test::ForkShared<Memory> memory_;
  LoanViews views_;
  std::optional<ring::SharedReader<FrameBlock>> blocks_;
  std::optional<FrameReader<ring::SharedReader<FrameBlock>>> reader_;
  std::deque<Held> held_;
  Writers writers_;
  std::array<std::uint64_t, workers> incarnation_of_{};
  std::map<std::uint64_t, std::uint64_t> read_; // messages, by incarnation
  std::uint64_t incarnation_ = 0;
  std::uint64_t wrong_ = 0;
};

} // namespace

TEST_CASE("shared frames: writers that lend die anywhere; what they had published is read whole, and their arenas are "
          "lent from again (2p1c, processes)") {
  const auto seed = ringfleet::test::seed_or(std::random_device{}());
  const auto deaths = ringfleet::test::rounds_or(600 / ringfleet::test::scale_down);
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  Field field((1ULL << 42) - 100);
  std::uint64_t died = 0;
  // Every access of a short life is somebody's last one.
  const auto steps_to_live = [&] { return died < 200 ? 1 + died : 1 + random() % 3'000; };
  for (unsigned worker = 0; worker < workers; ++worker) {
    field.start(worker, steps_to_live());
  }
  while (died < deaths || field.loans() == 0) {
    field.read();
    for (unsigned worker = 0; worker < workers; ++worker) {
      if (field.reap(worker)) {
        ++died;
        field.start(worker, steps_to_live());
      }
    }
    REQUIRE(field.wrong() == 0);
  }
  for (unsigned worker = 0; worker < workers; ++worker) {
    while (!field.reap(worker)) {
      field.read();
    }
  }
  CHECK(field.check_use() == 0);
  MESSAGE("seed ", seed, ": ", deaths, " deaths, ", field.loans(), " loans read");
}
