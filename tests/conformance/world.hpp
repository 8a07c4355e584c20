#pragma once

// Where a topology runs: its rings on one of the backings, its actors as threads of this process or as processes of
// their own. The test's process makes the rings; an actor asks the world for its view of ring i, which is the same
// mapping for a thread and one of its own for a process; under AddressSanitizer also for a thread that reads, if the
// ring has a name.

#include "../os/forked_child.hpp"
#include "../os/scratch_directory.hpp"
#include "../scale.hpp"
#include "ringfleet/base/poison.hpp"
#include "ringfleet/os/mapping.hpp"
#include "ringfleet/ring/process_judge.hpp"
#include "ringfleet/ring/ring.hpp"
#include "ringfleet/ring/ring_space.hpp"
#include "ringfleet/ring/shared_producer.hpp"
#include "ringfleet/ring/shared_reader.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <unistd.h>

namespace ringfleet::ring::conformance {

enum class Actors : std::uint8_t { threads, processes };

// Words that all actors have, whatever they are.
struct Board {
  std::uint32_t arrived;
  std::uint32_t unused;
  std::array<std::uint64_t, 8> wrong; // by actor
  std::array<std::uint64_t, 8> stage; // how far that reader has come
  std::array<std::uint64_t, 8> order; // a hash of what that reader has seen, in its order
};

class World {
public:
  World(memory::Backing backing, Actors actors)
      : backing_(backing), actors_(actors), board_(os::Mapping::heap(sizeof(Board))) {}
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World() {
    finish();
    for (std::size_t ring = 0; ring < spaces_.size(); ++ring) {
      spaces_[ring] = {};
      const auto place = specs_[ring].place;
      for (const char* part : {"", "members", "arena", "lock"}) {
        if (backing_ == memory::Backing::shm || backing_ == memory::Backing::file) {
          ::unlink(place.path(part).c_str());
        }
      }
    }
  }

  static bool is_possible(memory::Backing backing, Actors actors) {
    return backing != memory::Backing::heap || actors == Actors::threads;
  }

  // `spec`: what lies in it, who produces, and its arenas.
  std::size_t make_ring(RingSpec spec) {
    spec.place = place();
    spec.capacity = 64;
    spec.members = 4;
    spaces_.push_back(RingSpace::create(spec));
    specs_.push_back(spec);
    descriptors_.emplace_back();
    if (backing_ == memory::Backing::anonymous) {
      descriptors_.back() = spaces_.back().descriptors();
    }
    return spaces_.size() - 1;
  }

  // The views of the calling actor.
  RingSpace reading(std::size_t ring) { return view(ring, SpaceRole::reader); }
  RingSpace producing(std::size_t ring) { return view(ring, SpaceRole::owner); }
  // The owner's, in the test's process.
  RingSpace& own(std::size_t ring) { return spaces_[ring]; }

  [[nodiscard]] BarrierOptions options() const {
    return {.waiting = Waiting::park, .shared = actors_ == Actors::processes || has_own_view(SpaceRole::reader)};
  }
  [[nodiscard]] Actors actors() const { return actors_; }
  // Has the calling actor its view for itself? Then it may poison there.
  [[nodiscard]] bool has_own_view(SpaceRole role) const {
    return is_child_ || (can_poison && role == SpaceRole::reader && is_named());
  }
  Board& board() { return *reinterpret_cast<Board*>(board_.writable_bytes().data()); }

  // Runs body(actor) beside us; what it returns counts as wrong.
  void start(std::function<std::uint64_t(std::size_t)> body) {
    const auto actor = started_++;
    if (actors_ == Actors::threads) {
      threads_.emplace_back(
          [this, actor, body = std::move(body)] { Atomics::store_release(board().wrong[actor], body(actor)); });
      return;
    }
    children_.push_back(ringfleet::test::fork_child([&] {
      is_child_ = true;
      Atomics::store_release(board().wrong[actor], body(actor));
      return 0;
    }));
  }
  // A thread of the test's process, in either kind of world: for the producers of rings that have one. After start().
  void start_here(std::function<std::uint64_t(std::size_t)> body) {
    const auto actor = started_++;
    threads_.emplace_back(
        [this, actor, body = std::move(body)] { Atomics::store_release(board().wrong[actor], body(actor)); });
  }
  // An actor says that it is in place; the test waits for so many.
  void arrive() {
    Atomics::fetch_add(board().arrived, 1U);
    os::futex_wake(board().arrived, os::wake_all);
  }
  void wait_for_arrivals(std::uint32_t count) {
    for (auto seen = Atomics::load_acquire(board().arrived); seen < count;
         seen = Atomics::load_acquire(board().arrived)) {
      (void)os::futex_wait(board().arrived, seen, never);
    }
  }
  // Waits for all of them. How much was wrong, and how many did not end well.
  std::uint64_t finish() {
    for (auto& thread : threads_) {
      thread.join();
    }
    threads_.clear();
    std::uint64_t wrong = 0;
    for (const auto child : std::exchange(children_, {})) {
      const auto status = ringfleet::test::wait_for_child(child);
      wrong += status.signalled || status.code != 0;
    }
    for (std::size_t actor = 0; actor < started_; ++actor) {
      wrong += Atomics::load_acquire(board().wrong[actor]);
    }
    return wrong;
  }

private:
  memory::Place place() {
    const auto name = "conformance-" + std::to_string(::getpid()) + "-" + std::to_string(count_++);
    switch (backing_) {
    case memory::Backing::shm: return memory::Place::shm(name);
    case memory::Backing::file: return memory::Place::file(directory_ / name);
    case memory::Backing::anonymous: return memory::Place::anonymous();
    case memory::Backing::heap: break;
    }
    return memory::Place::heap();
  }
  [[nodiscard]] bool is_named() const { return backing_ == memory::Backing::shm || backing_ == memory::Backing::file; }
  RingSpace view(std::size_t ring, SpaceRole role) {
    if (!has_own_view(role)) {
      return spaces_[ring].share();
    }
    const auto& spec = specs_[ring];
    const RingExpectation expected{.unit_bytes = spec.unit_bytes, .producers = spec.producers};
    if (backing_ == memory::Backing::anonymous) {
      return RingSpace::attach(std::move(descriptors_[ring]), expected, "conformance", role);
    }
    return role == SpaceRole::owner ? RingSpace::create(spec) : RingSpace::attach(spec.place, expected);
  }

  memory::Backing backing_;
  Actors actors_;
  os::Mapping board_;
  ringfleet::test::ScratchDirectory directory_;
  std::vector<RingSpace> spaces_;
  std::vector<RingSpec> specs_;
  std::vector<std::vector<os::Descriptor>> descriptors_;
  std::vector<std::thread> threads_;
  std::vector<pid_t> children_;
  std::size_t started_ = 0;
  bool is_child_ = false;
  static inline int count_ = 0;
};

// run(world) says how much was wrong.
template <class Run>
void on_every_backing(Actors actors, Run run) {
  constexpr std::pair<memory::Backing, const char*> backings[] = {{memory::Backing::heap, "heap"},
                                                                  {memory::Backing::anonymous, "anonymous"},
                                                                  {memory::Backing::shm, "shm"},
                                                                  {memory::Backing::file, "file"}};
  for (const auto& [backing, name] : backings) {
    if (World::is_possible(backing, actors)) {
      CAPTURE(name);
      World world(backing, actors);
      CHECK(run(world) == 0);
    }
  }
}

// The build file runs the two kinds of actor as tests of their own, by these names.
template <class Run>
void on_every_world(Run run) {
  SUBCASE("between threads") {
    on_every_backing(Actors::threads, run);
  }
  SUBCASE("between processes") {
    on_every_backing(Actors::processes, run);
  }
}

} // namespace ringfleet::ring::conformance
