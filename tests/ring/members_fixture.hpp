#pragma once

// A ring whose owner watches its members, and members that are processes and can be killed.

#include "space_fixture.hpp"

#include "ringfleet/memory/watcher.hpp"
#include "ringfleet/ring/members.hpp"
#include "ringfleet/ring/membership.hpp"

#include <chrono>
#include <csignal>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

namespace ringfleet::ring::test {

inline MonotonicNs soon() {
  return deadline_after(monotonic_now(), std::chrono::seconds(20));
}

struct Owning {
  explicit Owning(const memory::Place& place, Nanoseconds grace = std::chrono::seconds(1))
      : space(RingSpace::create(ticks_at(place))), watcher(obituary), members(space, watcher, grace) {}

  // Waits until the kernel has told of that many deaths.
  std::vector<Member> obituaries(std::size_t count) {
    std::vector<Member> all;
    const auto deadline = soon();
    while (all.size() < count && monotonic_now() < deadline) {
      const auto seen = obituary.value();
      for (auto& member : members.take_obituaries()) {
        all.push_back(std::move(member));
      }
      if (all.size() < count) {
        (void)os::futex_wait(*obituary.park_word(seen).word, seen, deadline, true);
      }
    }
    return all;
  }

  memory::Obituary obituary;
  RingSpace space;
  memory::Watcher watcher;
  Members members;
};

inline BarrierOptions shared_options() {
  return {.waiting = Waiting::park, .obituary = nullptr, .dead = nullptr, .shared = true};
}

// A child that joins as `id`, takes its gate, releases `reads` elements, says so, and waits to be killed.
inline pid_t joining_child(const memory::Place& place, const std::string& id, std::uint64_t reads, ChildWord& word,
                           std::uint32_t value) {
  return fork_child([&] {
    const auto space = RingSpace::attach(place, ticks());
    auto mine = Membership::join(space, {.id = id}, soon());
    auto reader = Reader<Tick>::join(space.memory<Tick>(), mine.line(), {.from = JoinFrom::oldest}, shared_options());
    (void)reader->poll([](const Tick&) {}, reads);
    word.set(value);
    ::pause();
    return 0;
  });
}

inline void kill_child(pid_t pid) {
  ::kill(pid, SIGKILL);
  (void)wait_for_child(pid);
}

inline void push(Producer<Tick>& producer, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    REQUIRE(producer.try_push(Tick{i, 2 * i}) == ClaimResult::claimed);
  }
}

} // namespace ringfleet::ring::test
