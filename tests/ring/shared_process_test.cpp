// T13, faults 2, 3, 4 and 7: producers in processes, killed at random moments and repaired; the ledger is exact.
//
// RINGFLEET_TEST_ROUNDS: how many kills; RINGFLEET_TEST_SEED.

#include "../mortals.hpp"
#include "../scale.hpp"
#include "../seed.hpp"
#include "ringfleet/os/process.hpp"
#include "ringfleet/ring/shared_producer.hpp"
#include "ringfleet/ring/shared_reader.hpp"

#include <array>
#include <csignal>
#include <map>
#include <optional>
#include <random>

#include <unistd.h>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::ring;

namespace {

constexpr std::size_t capacity = 64;
constexpr unsigned workers = 3;

struct Element {
  std::uint64_t incarnation;
  std::uint64_t number;
  std::uint64_t check;
};

std::uint64_t check_of(std::uint64_t incarnation, std::uint64_t number) {
  return incarnation * 0x9e37'79b9'7f4a'7c15 ^ number;
}

// What a worker says about itself: it had published `done` elements for sure, and at most `begun`.
struct alignas(128) Account {
  std::uint64_t begun = 0;
  std::uint64_t done = 0;
};

struct Memory {
  SharedLines lines;
  OwnerTable owners;
  std::array<std::uint64_t, capacity> descriptors;
  std::array<std::uint64_t, 1> evicted;
  Sequence joins;
  std::array<ReaderLines, 1> readers;
  std::array<Element, capacity> slots;
  std::array<Account, workers> accounts;

  SharedRingMemory<Element> ring() { return {lines, owners, descriptors, evicted, joins, readers, slots}; }
};

bool is_dead(std::uint64_t identity) {
  return os::liveness_of(process_of(identity)) != os::Liveness::alive;
}

// Dies at one of the named steps of the protocol.
struct DyingAtomics : Atomics {
  inline static std::uint64_t steps_to_live = 0;
  static void step(const char* /*name*/) noexcept {
    if (--steps_to_live == 0) {
      kill(getpid(), SIGKILL);
    }
  }
};

// A producer: claims of 1 … 4, every fifth one aborted, until it dies or is killed.
[[noreturn]] void work(Memory& memory, Account& account, std::uint64_t incarnation) {
  auto producer =
      SharedProducer<Element, DyingAtomics>::join(memory.ring(), owner_identity(os::own_identity()), is_dead);
  for (std::uint64_t number = 0, claims = 0; producer; ++claims) {
    const auto count = 1 + (number + incarnation) % 4;
    std::uint64_t first = 0;
    if (producer->claim(count, first, monotonic_now() + 100'000'000) != ClaimResult::claimed) {
      (void)producer->repair(is_dead);
      continue;
    }
    const bool is_aborted = claims % 5 == 4;
    for (std::uint64_t i = 0; i < count; ++i) {
      producer->slot(first + i) = {incarnation, number + i, is_aborted ? 0 : check_of(incarnation, number + i)};
    }
    if (is_aborted) {
      producer->abort(first, count);
      continue;
    }
    number += count;
    Atomics::store_release(account.begun, number);
    producer->publish(first, count);
    Atomics::store_release(account.done, number);
  }
  _exit(1);
}

class Field {
public:
  Field(std::uint64_t first_position, std::uint64_t steps_to_live) {
    format_ring(memory_->ring(), first_position);
    reader_ = SharedReader<Element>::join(memory_->ring(), 0);
    for (unsigned worker = 0; worker < workers; ++worker) {
      start(worker, steps_to_live);
    }
  }
  Field(const Field&) = delete;
  Field& operator=(const Field&) = delete;

  // It dies after so many steps, if it is not killed before.
  void start(unsigned worker, std::uint64_t steps_to_live) {
    ++incarnation_;
    read_[incarnation_] = 0;
    incarnation_of_[worker] = incarnation_;
    memory_->accounts[worker] = {};
    producers_.start(worker, [&] {
      DyingAtomics::steps_to_live = steps_to_live;
      work(*memory_, memory_->accounts[worker], incarnation_);
    });
  }
  void kill_one(unsigned worker) { producers_.kill(worker); }
  // Is it dead?
  bool reap(unsigned worker) {
    const auto fate = producers_.reap(worker);
    wrong_ += fate == Producers::Fate::ended_otherwise;
    return fate != Producers::Fate::alive;
  }
  // Once it is dead and repaired, everything below the tail can be read.
  void account_for(unsigned worker) {
    repair();
    const auto tail = latest_claim(memory_->ring().lines()).end();
    const auto deadline = monotonic_now() + 10'000'000'000;
    while (is_before(reader_->position(), tail) && monotonic_now() < deadline) {
      if (!read(capacity, monotonic_now() + 1'000'000)) {
        repair(); // meanwhile others have died
      }
    }
    wrong_ += is_before(reader_->position(), tail);
    const auto& account = memory_->accounts[worker];
    const auto seen = read_[incarnation_of_[worker]];
    const bool is_exact = Atomics::load_acquire(account.done) <= seen && seen <= Atomics::load_acquire(account.begun);
    wrong_ += !is_exact;
    read_.erase(incarnation_of_[worker]);
  }
  // At most `max` elements; waits for the first. False when none came.
  bool read(std::uint64_t max, MonotonicNs deadline) {
    if (reader_->wait(1, deadline) != BarrierResult::reached) {
      return false;
    }
    return reader_->poll([&](const Element& element) { note(element); }, max).count != 0;
  }

  [[nodiscard]] std::uint64_t wrong() const { return wrong_; }
  [[nodiscard]] std::uint64_t repaired() const { return repaired_; }
  [[nodiscard]] std::uint64_t total() const { return total_; }

private:
  using Producers = ringfleet::test::Mortals<workers>;

  void repair() {
    repaired_ += repair_dead(memory_->ring().lines(), is_dead);
    ring_shared_bell(memory_->lines, true);
  }
  void note(const Element& element) {
    const auto expected = read_.find(element.incarnation);
    if (expected == read_.end() || element.number != expected->second ||
        element.check != check_of(element.incarnation, element.number)) {
      ++wrong_;
      return;
    }
    ++expected->second;
    ++total_;
  }

  ringfleet::test::ForkShared<Memory> memory_;
  std::optional<SharedReader<Element>> reader_;
  Producers producers_;
  std::array<std::uint64_t, workers> incarnation_of_{};
  std::uint64_t incarnation_ = 0;
  std::map<std::uint64_t, std::uint64_t> read_; // by incarnation: the number that comes next
  std::uint64_t wrong_ = 0;
  std::uint64_t repaired_ = 0;
  std::uint64_t total_ = 0;
};

} // namespace

TEST_CASE(
    "shared_ring: producers that die anywhere lose nothing they had published, and block nobody (3p1c, processes)") {
  const auto seed = test::seed_or(std::random_device{}());
  const auto deaths = test::rounds_or(1'000 / test::scale_down);
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const auto steps_to_live = [&] { return 1 + random() % (random() % 4 == 0 ? 20 : 600); };
  Field field((1ULL << 42) - 1'000, steps_to_live());
  for (std::uint64_t died = 0; died < deaths;) {
    (void)field.read(1 + random() % capacity, monotonic_now() + 1'000'000);
    if (random() % 8 == 0) {
      field.kill_one(static_cast<unsigned>(random() % workers));
    }
    for (unsigned worker = 0; worker < workers; ++worker) {
      if (field.reap(worker)) {
        field.account_for(worker);
        field.start(worker, steps_to_live());
        ++died;
      }
    }
    REQUIRE(field.wrong() == 0);
  }
  MESSAGE("seed ", seed, ": ", deaths, " deaths, ", field.repaired(), " claims repaired here, ", field.total(),
          " elements read");
}
