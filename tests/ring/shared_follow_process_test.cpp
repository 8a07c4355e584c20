// T2, fault 6: a stage in a process, dead at a random access to a shared word, while another one follows it on a ring
// with many producers. While it is there it is never overtaken; when it is gone it holds nothing back.
//
// RINGFLEET_TEST_ROUNDS: how many deaths; RINGFLEET_TEST_SEED.

#include "../dying_atomics.hpp"
#include "../mortals.hpp"
#include "../scale.hpp"
#include "../seed.hpp"
#include "ringfleet/ring/shared_producer.hpp"
#include "ringfleet/ring/shared_reader.hpp"

#include <array>
#include <optional>
#include <random>

#include <unistd.h>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::ring;
using ringfleet::test::DyingAtomics;

namespace {

constexpr std::size_t capacity = 16;
constexpr std::array<std::uint32_t, 1> after_first{0};

struct Memory {
  SharedLines lines;
  OwnerTable owners;
  std::array<std::uint64_t, capacity> descriptors;
  std::array<std::uint64_t, 2> evicted;
  Sequence joins;
  std::array<ReaderLines, 2> readers;
  std::array<std::uint64_t, capacity> slots; // each holds its position
  std::array<std::uint64_t, capacity> done;  // 1 + the position that the first stage has worked on
  std::uint64_t first;                       // 1 + where the first stage began; 0: it has not said so

  SharedRingMemory<std::uint64_t> ring() { return {lines, owners, descriptors, evicted, joins, readers, slots}; }
  std::uint64_t& done_at(std::uint64_t position) { return done[position % capacity]; }
};

// The first stage; it dies somewhere in here.
[[noreturn]] void work(Memory& memory) {
  auto stage = SharedReader<std::uint64_t, DyingAtomics>::join(memory.ring(), 0);
  if (!stage) {
    _exit(1);
  }
  Atomics::store_release(memory.first, stage->position() + 1);
  for (;;) {
    const auto count = stage->available();
    for (auto position = stage->position(); position != stage->position() + count; ++position) {
      Atomics::store_release(memory.done_at(position), position + 1);
    }
    (void)stage->release(count);
    yield_core();
  }
}

class Field {
public:
  Field() {
    format_ring(memory_->ring());
    for (auto& producer : producers_) {
      producer = SharedProducer<std::uint64_t>::join(memory_->ring(), ++identity_, [](std::uint64_t) { return false; });
      REQUIRE(producer);
    }
    second_ = SharedReader<std::uint64_t>::join(memory_->ring(), 1, {.follows = after_first});
    REQUIRE(second_);
  }
  Field(const Field&) = delete;
  Field& operator=(const Field&) = delete;

  // A life of the first stage. How much was wrong.
  std::uint64_t live(std::uint64_t steps_to_live) {
    memory_->first = 0;
    first_stage_.start(0, [&] {
      DyingAtomics::steps_to_live = steps_to_live;
      work(*memory_);
    });
    std::uint64_t passed = 0; // 1 + the last position that was read although nobody had worked on it
    auto fate = first_stage_.reap(0);
    for (; fate == FirstStage::Fate::alive; fate = first_stage_.reap(0)) {
      publish();
      read(passed);
    }
    read(passed); // it may hold something back until somebody knows that it is dead
    const auto first = memory_->first;
    auto wrong = wrong_ + (fate != FirstStage::Fate::killed);
    wrong += first != 0 && is_before(first, passed + 1) && passed != 0; // it began at or before that position
    (void)vacate(memory_->readers[0]);
    std::uint64_t anything = 0;
    read(anything);
    wrong += second_->position() != latest_claim(memory_->ring().lines()).end();
    return wrong;
  }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint64_t worked_on() const { return worked_on_; }

private:
  using FirstStage = ringfleet::test::Mortals<1>;

  void publish() {
    auto& producer = *producers_[published_++ % producers_.size()];
    std::uint64_t first = 0;
    const auto count = 1 + published_ % 3;
    if (producer.try_claim(count, first) != ClaimResult::claimed) {
      yield_core();
      return;
    }
    for (auto position = first; position != first + count; ++position) {
      producer.slot(position) = position;
    }
    if (published_ % 5 == 0) {
      producer.abort(first, count);
    } else {
      producer.publish(first, count);
    }
  }
  void read(std::uint64_t& passed) {
    while (second_->available() != 0) {
      const auto position = second_->position();
      wrong_ += second_->slot(position) != position;
      if (Atomics::load_acquire(memory_->done_at(position)) != position + 1) {
        passed = position + 1;
      } else {
        ++worked_on_;
      }
      ++count_;
      wrong_ += second_->release(1) != ReadResult::ok;
    }
  }

  ringfleet::test::ForkShared<Memory> memory_;
  std::array<std::optional<SharedProducer<std::uint64_t>>, 2> producers_;
  std::optional<SharedReader<std::uint64_t>> second_;
  FirstStage first_stage_;
  std::uint64_t identity_ = 0;
  std::uint64_t published_ = 0;
  std::uint64_t count_ = 0;
  std::uint64_t worked_on_ = 0;
  std::uint64_t wrong_ = 0; // elements that are not what was published
};

} // namespace

TEST_CASE("shared_ring: a stage that dies anywhere was never overtaken, and holds nothing back afterwards (2p, "
          "pipeline of 2, processes)") {
  const auto seed = ringfleet::test::seed_or(std::random_device{}());
  const auto deaths = ringfleet::test::rounds_or(500 / ringfleet::test::scale_down);
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  Field field;
  for (std::uint64_t died = 0; died < deaths || field.worked_on() == 0; ++died) {
    // Every access of the first few elements is somebody's last.
    REQUIRE(field.live(died < 100 ? died + 1 : 1 + random() % 2'000) == 0);
  }
  MESSAGE("seed ", seed, ": ", deaths, " deaths, ", field.count(), " elements, ", field.worked_on(),
          " behind the first stage");
}
