// The ring with one producer under every interleaving within the bounds, store buffers included: newcomers beside a
// producer that overwrites, lossy readers, evictions, stages.

#include "explored_atomics.hpp"
#include "ringfleet/ring/lossy_sequencer.hpp"
#include "ringfleet/ring/reader_sequencer.hpp"
#include "ringfleet/ring/sequencer.hpp"
#include "walk.hpp"

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::explore;

namespace {

using E = ExploredAtomics;

enum class Role : std::uint8_t { none, reliable, lossy, evicted, following };

struct Shape {
  std::array<Role, 2> readers{Role::reliable, Role::none};
  ring::JoinFrom from = ring::JoinFrom::oldest;
  std::uint64_t capacity = 2;
  std::uint64_t before = 2; // elements that are there already
  std::uint64_t more = 3;   // elements that come meanwhile
  bool is_producer_mortal = false;
};

// Process 0 is the producer; the readers come after it, and join while it runs.
class RingWorld {
public:
  explicit RingWorld(const Shape& shape) : shape_(shape) {
    ring::format_ring(lines());
    sequencer_.emplace(lines());
    for (std::uint64_t number = 0; number < shape_.before; ++number) {
      std::uint64_t first = 0;
      (void)sequencer_->try_claim(1, first);
      write(first);
      sequencer_->publish(first + 1);
    }
  }

  unsigned processes() const { return shape_.readers[1] == Role::none ? 2 : 3; }
  bool is_mortal(unsigned process) const { return shape_.is_producer_mortal && process == 0; }
  void run(unsigned process) {
    if (process == 0) {
      produce();
    } else if (shape_.readers[process - 1] == Role::lossy) {
      read_lossy();
    } else {
      read(process - 1);
    }
  }
  std::string verdict(const Outcome& outcome) {
    for (unsigned process = 0; process < processes(); ++process) {
      if (outcome.is_stuck(process)) {
        return "process " + std::to_string(process) + " is stuck";
      }
    }
    return wrong_;
  }

private:
  struct Slot {
    std::uint64_t number = 0;
    std::uint64_t twice = 0;
  };

  ring::RingLines lines() { return {&producer_, evicted_, &joins_, readers_, shape_.capacity}; }
  // All that is ever published.
  std::uint64_t total() const { return is_dead(0) ? producer_.cursor.value : shape_.before + shape_.more; }
  void write(std::uint64_t position) {
    auto& slot = slots_[position & (shape_.capacity - 1)];
    E::store_relaxed(slot.number, position);
    E::store_relaxed(slot.twice, 2 * position);
  }
  Slot copy(std::uint64_t position) const {
    const auto& slot = slots_[position & (shape_.capacity - 1)];
    return {E::load_relaxed(slot.number), E::load_relaxed(slot.twice)};
  }
  void expect(const Slot& slot, std::uint64_t position, const char* who) {
    if (slot.number != position || slot.twice != 2 * position) {
      wrong_ = std::string(who) + " accepted " + std::to_string(slot.number) + "/" + std::to_string(slot.twice) +
               " as element " + std::to_string(position);
    }
  }

  void produce() {
    for (std::uint64_t i = 0; i < shape_.more; ++i) {
      std::uint64_t first = 0;
      for (;;) {
        const auto seen = changes();
        if (sequencer_->try_claim(1, first) == ring::ClaimResult::claimed) {
          break;
        }
        if (shape_.readers[0] != Role::evicted || !sequencer_->evict(0, E::load_acquire(readers_[0].incarnation))) {
          wait_beyond(seen);
        }
      }
      write(first);
      sequencer_->publish(first + 1);
    }
    sequencer_->close();
  }

  void read(unsigned line) {
    const std::array<std::uint32_t, 1> before{0};
    const bool is_following = shape_.readers[line] == Role::following;
    auto reader = ring::ReaderSequencer<E>::join(
        lines(), line,
        {.from = shape_.from,
         .follows = is_following ? std::span<const std::uint32_t>(before) : std::span<const std::uint32_t>()});
    if (!reader) {
      wrong_ = "a free line was not given";
      return;
    }
    if (line == 0) {
      first_of_stage_ = reader->position();
    }
    for (;;) {
      const auto seen = changes();
      const bool is_over = reader->is_closed() || is_dead(0);
      if (reader->available_now() == 0) {
        if (is_over && reader->position() == total()) {
          break;
        }
        wait_beyond(seen);
        continue;
      }
      const auto position = reader->position();
      const auto slot = copy(position);
      if (is_following && first_of_stage_ <= position && !is_done_[position]) {
        wrong_ = "a stage passed the one before it at " + std::to_string(position);
      }
      is_done_[position] = is_done_[position] || line == 0;
      if (reader->release(1) == ring::ReadResult::evicted) {
        break;
      }
      expect(slot, position, "a reader");
    }
    reader->leave();
  }

  void read_lossy() {
    auto reader = ring::LossySequencer<E>::watch(lines(), {.from = shape_.from});
    auto accounted = reader->position();
    for (;;) {
      const auto seen = changes();
      const bool is_over = reader->is_closed() || is_dead(0);
      if (reader->published() == 0) {
        if (is_over) {
          break;
        }
        wait_beyond(seen);
        continue;
      }
      const auto position = reader->position();
      const auto slot = copy(position);
      if (reader->check()) {
        expect(slot, position, "a lossy reader");
        reader->advance(1);
        ++accounted;
      } else {
        accounted += reader->resume();
      }
    }
    if (accounted != total()) {
      wrong_ = "a lossy reader has lost count";
    }
  }

  Shape shape_;
  ring::ProducerLines producer_{};
  std::array<std::uint64_t, 2> evicted_{};
  ring::Sequence joins_{};
  std::array<ring::ReaderLines, 2> readers_{};
  std::array<Slot, 8> slots_{};
  std::array<bool, 16> is_done_{};
  std::uint64_t first_of_stage_ = ~std::uint64_t{0};
  std::optional<ring::SingleProducerSequencer<E>> sequencer_;
  std::string wrong_;
};

void walk(std::string_view name, const Shape& shape, Bounds bounds) {
  bounds.deaths = shape.is_producer_mortal ? 1 : 0;
  explore::walk(name, bounds, 60'000, [&] { return std::make_unique<RingWorld>(shape); });
}

} // namespace

// T8, trap 5
TEST_CASE("ring, explored: a newcomer never reads an element that is being overwritten") {
  walk("oldest", {}, {.preemptions = 3});
  walk("oldest, a delayed store", {}, {.preemptions = 2, .delays = 2});
  walk("oldest, 1 slot", {.capacity = 1, .before = 1}, {.preemptions = 2, .delays = 2});
  walk("oldest, two newcomers", {.readers = {Role::reliable, Role::reliable}}, {.preemptions = 2, .delays = 1});
  walk("latest", {.from = ring::JoinFrom::latest}, {.preemptions = 2, .delays = 2});
  walk("oldest, 4 slots", {.capacity = 4, .before = 4, .more = 5}, {.preemptions = 2, .delays = 1});
  walk("oldest, the producer dies, a delayed store", {.is_producer_mortal = true}, {.preemptions = 2, .delays = 1});
}

// T9, trap 4
TEST_CASE("ring, explored: a lossy reader accepts nothing torn and counts what it loses") {
  walk("lossy, 1 slot", {.readers = {Role::lossy, Role::none}, .capacity = 1, .before = 1}, {.preemptions = 3});
  walk("lossy, a delayed store", {.readers = {Role::lossy, Role::none}}, {.preemptions = 3, .delays = 2});
  walk("lossy, the producer dies, a delayed store", {.readers = {Role::lossy, Role::none}, .is_producer_mortal = true},
       {.preemptions = 2, .delays = 1});
  walk("lossy beside a reliable newcomer", {.readers = {Role::reliable, Role::lossy}}, {.preemptions = 2, .delays = 1});
}

TEST_CASE("ring, explored: what an evicted reader has released is whole") {
  walk("evicted", {.readers = {Role::evicted, Role::none}}, {.preemptions = 3});
  walk("evicted, a delayed store", {.readers = {Role::evicted, Role::none}, .capacity = 1, .before = 1},
       {.preemptions = 2, .delays = 2});
}

// T2
TEST_CASE("ring, explored: a stage never passes one before it, whoever joins first") {
  walk("following", {.readers = {Role::reliable, Role::following}, .from = ring::JoinFrom::latest, .more = 2},
       {.preemptions = 2, .delays = 1});
}

TEST_CASE("ring, explored: all of that on a machine that reorders stores and loads, as far as the orders let it") {
  const auto walk_reordered = [](const char* name, const Shape& shape) {
    explore::walk_reordered(name, {.preemptions = 1, .deaths = 0}, 60'000,
                            [&] { return std::make_unique<RingWorld>(shape); });
  };
  walk_reordered("oldest", {.more = 2});
  walk_reordered("lossy", {.readers = {Role::lossy, Role::none}, .capacity = 1, .before = 1, .more = 2});
  walk_reordered("evicted", {.readers = {Role::evicted, Role::none}, .capacity = 1, .before = 1, .more = 2});
  walk_reordered("following",
                 {.readers = {Role::reliable, Role::following}, .from = ring::JoinFrom::latest, .more = 1});
}
