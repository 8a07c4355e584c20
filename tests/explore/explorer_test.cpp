// The explorer itself: what it must find, and how many runs there are where that can be counted by hand.

#include "explored_atomics.hpp"

#include <memory>

#include <doctest/doctest.h>

using namespace ringfleet::explore;
using E = ExploredAtomics;

namespace {

// Each process adds 1, by a load and a store.
struct LostUpdate {
  std::uint64_t word = 0;
  unsigned mortal = 0;

  unsigned processes() const { return 2; }
  bool is_mortal(unsigned process) const { return process < mortal; }
  void run(unsigned /*process*/) { E::store_release(word, E::load_acquire(word) + 1); }
  std::string verdict(const Outcome& outcome) {
    const auto dead = std::uint64_t{outcome.is_dead(0)} + std::uint64_t{outcome.is_dead(1)};
    return word >= 2 - dead ? "" : "an update is lost";
  }
};

// Two words, two processes: each stores its own, then looks at the other's.
struct StoreBuffer {
  bool has_barrier;
  std::uint64_t words[2] = {};
  std::uint64_t seen[2] = {};

  unsigned processes() const { return 2; }
  bool is_mortal(unsigned /*process*/) const { return false; }
  void run(unsigned process) {
    E::store_release(words[process], std::uint64_t{1});
    if (has_barrier) {
      E::store_load_barrier();
    }
    seen[process] = E::load_acquire(words[1 - process]);
  }
  std::string verdict(const Outcome& /*outcome*/) { return seen[0] + seen[1] == 0 ? "neither saw the other" : ""; }
};

// One waits for the other's word.
struct Waiting {
  std::uint64_t word = 0;

  unsigned processes() const { return 2; }
  bool is_mortal(unsigned process) const { return process == 1; }
  void run(unsigned process) {
    if (process == 1) {
      E::store_release(word, std::uint64_t{1});
      return;
    }
    for (;;) {
      const auto before = changes();
      if (E::load_acquire(word) != 0) {
        return;
      }
      wait_beyond(before);
    }
  }
  std::string verdict(const Outcome& outcome) {
    return outcome.is_stuck(0) == outcome.is_dead(1) ? "" : "stuck without a death, or the other way round";
  }
};

// One stores two words, the other looks at them in the other order.
struct MessagePassing {
  bool is_release;
  bool is_acquire;
  std::uint64_t data = 0;
  std::uint64_t flag = 0;
  bool is_torn = false;

  unsigned processes() const { return 2; }
  bool is_mortal(unsigned /*process*/) const { return false; }
  void run(unsigned process) {
    if (process == 0) {
      E::store_relaxed(data, std::uint64_t{1});
      is_release ? E::store_release(flag, std::uint64_t{1}) : E::store_relaxed(flag, std::uint64_t{1});
    } else if ((is_acquire ? E::load_acquire(flag) : E::load_relaxed(flag)) != 0) {
      is_torn = E::load_relaxed(data) == 0;
    }
  }
  std::string verdict(const Outcome& /*outcome*/) { return is_torn ? "the flag without the data" : ""; }
};

// One word: nobody sees its values in another order than they came, and who stored sees nothing older.
struct Coherence {
  std::uint64_t word = 0;
  bool is_backwards = false;

  unsigned processes() const { return 2; }
  bool is_mortal(unsigned /*process*/) const { return false; }
  void run(unsigned process) {
    if (process == 0) {
      E::store_relaxed(word, std::uint64_t{1});
      E::store_relaxed(word, std::uint64_t{2});
      is_backwards = is_backwards || E::load_relaxed(word) != 2;
      return;
    }
    for (std::uint64_t last = 0, looks = 0; looks < 3; ++looks) {
      const auto now = E::load_relaxed(word);
      is_backwards = is_backwards || now < last;
      last = now;
    }
  }
  std::string verdict(const Outcome& /*outcome*/) { return is_backwards ? "a word goes backwards" : ""; }
};

template <class World, class... Fields>
Report run(const Bounds& bounds, Fields... fields) {
  return Scheduler::explore(bounds, [=] { return std::make_unique<World>(World{fields...}); });
}

} // namespace

TEST_CASE("explorer: a lost update needs one preemption") {
  CHECK(run<LostUpdate>({.preemptions = 0, .deaths = 0}).failure.empty());
  CHECK_FALSE(run<LostUpdate>({.preemptions = 1, .deaths = 0}).failure.empty());
}

TEST_CASE("explorer: without preemptions there is a run for each order, and one for each death in it") {
  const auto orders = run<LostUpdate>({.preemptions = 0, .deaths = 0});
  CHECK(orders.is_exhausted);
  CHECK(orders.executions == 2);
  // Each order: nobody dies, or the first or the second one at either of its two accesses.
  const auto deaths = run<LostUpdate>({.preemptions = 0, .deaths = 1}, std::uint64_t{0}, 2U);
  CHECK(deaths.is_exhausted);
  CHECK(deaths.executions == 10);
  CHECK(deaths.deaths == 8);
}

TEST_CASE("explorer: the store buffer of a core is seen, and a barrier empties it") {
  CHECK(run<StoreBuffer>({.preemptions = 3, .deaths = 0, .delays = 0}, false).failure.empty());
  CHECK_FALSE(run<StoreBuffer>({.preemptions = 3, .deaths = 0, .delays = 2}, false).failure.empty());
  const auto with = run<StoreBuffer>({.preemptions = 3, .deaths = 0, .delays = 2}, true);
  CHECK(with.failure.empty());
  CHECK(with.is_exhausted);
}

TEST_CASE("explorer: who waits for the dead is stuck, and is told apart from who waits for the living") {
  const auto report = run<Waiting>({.preemptions = 2, .deaths = 1});
  CHECK(report.failure == "");
  CHECK(report.is_exhausted);
}

TEST_CASE("explorer: random walks find it, too, and repeat under the same seed") {
  const auto one = run<LostUpdate>({.preemptions = 2, .deaths = 0, .executions_max = 1000, .random_seed = 7});
  const auto two = run<LostUpdate>({.preemptions = 2, .deaths = 0, .executions_max = 1000, .random_seed = 7});
  CHECK_FALSE(one.failure.empty());
  CHECK(one.failure == two.failure);
}

TEST_CASE("explorer: on a machine weaker than x86 a message is passed by release and acquire only") {
  const Bounds x86{.preemptions = 3, .deaths = 0, .delays = 2};
  auto stores = x86;
  stores.stores_pass = true;
  auto loads = x86;
  loads.early_loads = 2;
  CHECK(run<MessagePassing>(x86, false, false).failure.empty());
  CHECK_FALSE(run<MessagePassing>(stores, false, true).failure.empty());
  CHECK_FALSE(run<MessagePassing>(loads, true, false).failure.empty());
  auto both = stores;
  both.early_loads = 2;
  const auto report = run<MessagePassing>(both, true, true);
  CHECK(report.failure == "");
  CHECK(report.is_exhausted);
}

TEST_CASE("explorer: a word goes through its values in one order, however weak the machine") {
  const auto report =
      run<Coherence>({.preemptions = 3, .deaths = 0, .delays = 2, .stores_pass = true, .early_loads = 2});
  CHECK(report.failure == "");
  CHECK(report.is_exhausted);
}
