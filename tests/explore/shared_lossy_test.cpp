// T9, trap 4: lossy readers of a ring with many producers under every interleaving within the bounds, store buffers
// and deaths of producers included. What is accepted was committed there; what was committed is read, or counted as
// lost; nobody sleeps beside something to read.

#include "../scale.hpp"
#include "../seed.hpp"
#include "explored_atomics.hpp"
#include "ringfleet/ring/shared_lossy_sequencer.hpp"
#include "ringfleet/ring/shared_owners.hpp"
#include "ringfleet/ring/shared_ring.hpp"
#include "ringfleet/ring/shared_sequencer.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::explore;

namespace {

using E = ExploredAtomics;

struct Shape {
  unsigned producers = 2;
  unsigned claims = 2; // of each producer
  std::uint64_t length = 1;
  std::size_t capacity = 2;
  std::uint64_t before = 0; // claims that are there already
  ring::LossyOptions options{.from = ring::JoinFrom::oldest};
  bool aborts = false;  // every second claim is aborted
  bool sleeps = false;  // the reader takes a line and sleeps on the bell
  bool repairs = false; // a survivor repairs what the dead have left
  std::uint64_t first_position = 0;
};

// The producers come first, then the reader, then the survivor.
class LossyWorld {
public:
  explicit LossyWorld(const Shape& shape) : shape_(shape), descriptors_(shape.capacity), slots_(shape.capacity) {
    ring::format_ring(lines(), shape.first_position);
    for (unsigned producer = 0; producer < shape.producers; ++producer) {
      (void)ring::take_owner_from<E>(lines(), producer + 1, 0, identity_of(producer));
    }
    ring::SharedSequencer<E> sequencer(lines(), 1);
    for (std::uint64_t claim = 0; claim < shape.before; ++claim) {
      push(sequencer, 100 + 10 * claim, false);
    }
  }

  unsigned processes() const { return shape_.producers + 1 + shape_.repairs; }
  bool is_mortal(unsigned process) const { return process < shape_.producers; }
  void run(unsigned process) {
    if (process < shape_.producers) {
      ring::SharedSequencer<E> sequencer(lines(), process + 1);
      for (unsigned claim = 0; claim < shape_.claims; ++claim) {
        push(sequencer, 1000 * (process + 1) + 10 * claim, shape_.aborts && claim % 2 == 1);
      }
    } else if (process == shape_.producers) {
      read();
    } else if (wait_for_death()) {
      (void)repair();
    }
  }

  std::string verdict(const Outcome& outcome) {
    if (!reader_) {
      return "the reader could not join";
    }
    const auto before = account();
    if (deaths_of(outcome) == 0 || shape_.repairs) {
      drain();
      if (account() != before) {
        return "the reader sleeps although there is something to read";
      }
    }
    for (unsigned process = 0; process < shape_.producers; ++process) {
      dead_[process] = outcome.is_dead(process);
    }
    (void)repair();
    drain();
    if (reader_->position() != ring::latest_claim<E>(lines()).end()) {
      return "the reader does not come to the end";
    }
    return check_ledger();
  }

private:
  struct Element {
    std::uint64_t id = 0;
    std::uint64_t twice = 0;
  };
  struct Message {
    std::uint64_t position;
    std::uint64_t id;
    friend bool operator==(const Message&, const Message&) = default;
  };
  struct Gap {
    std::uint64_t begin;
    std::uint64_t end;
  };
  static std::uint64_t identity_of(unsigned process) { return 100 + process; }

  ring::SharedRingLines lines() { return {&shared_, &owners_, descriptors_, evicted_, &joins_, readers_}; }
  Element& slot(std::uint64_t position) { return slots_[position & (shape_.capacity - 1)]; }

  void push(ring::SharedSequencer<E>& sequencer, std::uint64_t id, bool is_aborted) {
    std::uint64_t first = 0;
    for (;;) {
      const auto seen = Scheduler::current() != nullptr ? changes() : 0;
      if (sequencer.try_claim(shape_.length, first) == ring::ClaimResult::claimed) {
        break;
      }
      wait_beyond(seen);
    }
    for (std::uint64_t i = 0; i < shape_.length; ++i) {
      E::store_relaxed(slot(first + i).id, id + i);
      E::store_relaxed(slot(first + i).twice, 2 * (id + i));
    }
    if (is_aborted) {
      sequencer.abort(first, shape_.length);
    } else {
      sequencer.commit(first, shape_.length);
      for (std::uint64_t i = 0; i < shape_.length; ++i) {
        committed_.push_back({first + i, id + i});
      }
    }
    if (shape_.sleeps && sequencer.is_awaited(first, first + shape_.length)) {
      E::fetch_add(shared_.bell, 1U);
    }
  }

  void read() {
    reader_ = shape_.sleeps ? ring::SharedLossySequencer<E>::join(lines(), 0, shape_.options)
                            : ring::SharedLossySequencer<E>::watch(lines(), shape_.options);
    if (!reader_) {
      return;
    }
    begin_ = reader_->position();
    for (;;) {
      const auto seen = changes();
      const auto deaths_seen = deaths();
      if (read_some()) {
        continue;
      }
      if (!shape_.sleeps) {
        wait_beyond(seen);
        continue;
      }
      // As LossyReader and Barrier do it.
      const auto position = reader_->seen();
      const auto bell = E::load_acquire(shared_.bell);
      ring::announce_wait<E>(reader_->own()->awaited_cursor, position + 1);
      if (!reader_->is_there(position)) {
        sleep_while({&shared_.bell, bell}, {}, deaths_seen);
      }
    }
  }
  // One copy. False: nothing is there.
  bool read_some() {
    const auto count = std::min<std::uint64_t>(reader_->published(), shape_.capacity);
    if (count == 0) {
      return false;
    }
    std::vector<Message> copies;
    bool is_torn = false;
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto position = reader_->position() + i;
      const auto id = E::load_relaxed(slot(position).id);
      is_torn = is_torn || E::load_relaxed(slot(position).twice) != 2 * id;
      copies.push_back({position, id});
    }
    if (!reader_->check()) {
      const auto begin = reader_->position();
      gaps_.push_back({begin, begin + reader_->resume()});
      return true;
    }
    accepted_torn_ = accepted_torn_ || is_torn;
    read_.insert(read_.end(), copies.begin(), copies.end());
    reader_->advance(count);
    return true;
  }
  void drain() {
    while (read_some()) {
    }
  }
  std::pair<std::size_t, std::size_t> account() const { return {read_.size(), gaps_.size()}; }

  std::uint64_t repair() {
    std::uint64_t aborted = 0;
    for (unsigned process = 0; process < shape_.producers; ++process) {
      if (Scheduler::current() != nullptr ? is_dead(process) : dead_[process]) {
        aborted += ring::repair<E>(lines(), process + 1, identity_of(process));
      }
    }
    if (shape_.sleeps && aborted != 0) {
      E::fetch_add(shared_.bell, 1U);
    }
    return aborted;
  }
  unsigned deaths_of(const Outcome& outcome) const {
    unsigned deaths = 0;
    for (unsigned process = 0; process < shape_.producers; ++process) {
      deaths += outcome.is_dead(process);
    }
    return deaths;
  }

  std::string check_ledger() {
    if (accepted_torn_) {
      return "a torn element was accepted";
    }
    std::uint64_t lost = 0;
    for (const auto& gap : gaps_) {
      lost += gap.end - gap.begin;
    }
    if (lost != reader_->lost() || gaps_.size() != reader_->laps()) {
      return "the reader has lost count";
    }
    for (std::size_t i = 1; i < read_.size(); ++i) {
      if (!ring::is_before(read_[i - 1].position, read_[i].position)) {
        return "the reader went back";
      }
    }
    for (const auto& message : read_) {
      if (std::count(committed_.begin(), committed_.end(), message) != 1) {
        return std::to_string(message.id) + "@" + std::to_string(message.position) + " was read and never committed";
      }
    }
    for (const auto& message : committed_) {
      const auto is_lost = std::any_of(gaps_.begin(), gaps_.end(), [&](const Gap& gap) {
        return message.position - gap.begin < gap.end - gap.begin;
      });
      const auto times = std::count(read_.begin(), read_.end(), message) + is_lost;
      if (times != (ring::is_before(message.position, begin_) ? 0 : 1)) {
        return std::to_string(message.id) + "@" + std::to_string(message.position) +
               " was committed, and read or lost " + std::to_string(times) + " times";
      }
    }
    return "";
  }

  Shape shape_;
  ring::SharedLines shared_{};
  ring::OwnerTable owners_{};
  std::array<std::uint64_t, 1> evicted_{};
  ring::Sequence joins_{};
  std::array<ring::ReaderLines, 1> readers_{};
  std::vector<std::uint64_t> descriptors_;
  std::vector<Element> slots_;
  std::optional<ring::SharedLossySequencer<E>> reader_;
  std::uint64_t begin_ = 0;
  std::vector<Message> read_;
  std::vector<Message> committed_;
  std::vector<Gap> gaps_;
  std::array<bool, processes_max> dead_{};
  bool accepted_torn_ = false;
};

#ifdef __OPTIMIZE__
constexpr std::uint64_t scale_down = test::scale_down;
#else
constexpr std::uint64_t scale_down = 4 * test::scale_down;
#endif

void walk(std::string_view name, const Shape& shape, Bounds bounds) {
  bounds.executions_max = test::rounds_or(50'000 / scale_down);
  const auto make = [&] { return std::make_unique<LossyWorld>(shape); };
  CAPTURE(name);
  auto report = Scheduler::explore(bounds, make);
  CHECK(report.failure == "");
  std::string text(name);
  text.append(": ").append(std::to_string(report.executions)).append(" executions");
  text.append(report.is_exhausted ? ", all" : "").append("; ").append(std::to_string(report.deaths)).append(" deaths");
  if (!report.is_exhausted) {
    bounds.executions_max /= 3;
    bounds.preemptions += 3;
    bounds.random_seed = test::seed_or(1);
    report = Scheduler::explore(bounds, make);
    CAPTURE(bounds.random_seed);
    CHECK(report.failure == "");
    text.append("; and ").append(std::to_string(report.executions)).append(" at random, seed ");
    text.append(std::to_string(bounds.random_seed));
  }
  MESSAGE(text);
}

} // namespace

TEST_CASE("shared_lossy, explored: nothing torn or aborted is accepted, and what is lost is counted") {
  walk("2p, 1 slot", {.capacity = 1}, {.preemptions = 2, .deaths = 0});
  walk("2p, 2 slots, aborts", {.aborts = true}, {.preemptions = 2, .deaths = 0});
  walk("2p, 4 slots, claims of 2", {.length = 2, .capacity = 4, .before = 2}, {.preemptions = 2, .deaths = 0});
  walk("2p, 4 slots, claims of 3, which end anywhere", {.claims = 1, .length = 3, .capacity = 4, .before = 1},
       {.preemptions = 2, .deaths = 0});
  walk("1p, 1 slot, delayed stores", {.producers = 1, .claims = 3, .capacity = 1},
       {.preemptions = 2, .deaths = 0, .delays = 2});
  walk("2p, 2 slots, delayed stores", {.before = 1}, {.preemptions = 1, .deaths = 0, .delays = 2});
  walk("2p, 2 slots, goes on at latest", {.options = {.from = ring::JoinFrom::oldest, .resume = ring::Resume::latest}},
       {.preemptions = 2, .deaths = 0});
  walk("2p across 2^42", {.first_position = (1ULL << 42) - 1}, {.preemptions = 1, .deaths = 0});
}

TEST_CASE("shared_lossy, explored: a reader comes in while the others run") {
  walk("2p, latest", {.before = 1, .options = {.from = ring::JoinFrom::latest}}, {.preemptions = 2, .deaths = 0});
  walk("2p, in the middle of a claim",
       {.claims = 1,
        .length = 2,
        .capacity = 4,
        .before = 2,
        .options = {.from = ring::JoinFrom::sequence, .position = 1}},
       {.preemptions = 2, .deaths = 0});
}

TEST_CASE("shared_lossy, explored: a producer dies anywhere, and is repaired") {
  walk("2p, 2 slots", {.claims = 1}, {.preemptions = 2, .deaths = 1});
  walk("2p, 1 slot, 1 survivor", {.capacity = 1, .repairs = true}, {.preemptions = 1, .deaths = 1});
  walk("2p, claims of 2, 1 survivor", {.length = 2, .capacity = 4, .repairs = true}, {.preemptions = 1, .deaths = 1});
}

TEST_CASE("shared_lossy, explored: all of that with a store buffer") {
  walk("2p, 2 slots, 1 survivor, a delayed store", {.claims = 1, .repairs = true},
       {.preemptions = 1, .deaths = 1, .delays = 1});
}

TEST_CASE("shared_lossy, explored: no wake is lost (store buffers)") {
  walk("2p, sleeps", {.claims = 1, .sleeps = true}, {.preemptions = 1, .deaths = 0, .delays = 1});
  walk("1p, 1 slot, aborts, sleeps", {.producers = 1, .claims = 3, .capacity = 1, .aborts = true, .sleeps = true},
       {.preemptions = 2, .deaths = 0, .delays = 1});
  walk("2p, 1 slot, 1 survivor, sleeps", {.claims = 1, .capacity = 1, .sleeps = true, .repairs = true},
       {.preemptions = 1, .deaths = 1, .delays = 1});
}
