#pragma once

// A worker group of one test: its workers in processes of their own, which answer or stop where they are told to.

#include "channel_fixture.hpp"

#include "ringfleet/channel/worker_group.hpp"
#include "ringfleet/os/process.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <string>
#include <utility>
#include <vector>

namespace ringfleet::channel::test {

using Group = WorkerGroup<Tick, Tick>;
using Worker = GroupWorker<Tick, Tick>;

// A group's name, and the channels of its runs gone at the end.
struct ScratchGroup {
  explicit ScratchGroup(std::vector<std::string> tags_used = {""}) : tags(std::move(tags_used)) {}
  ~ScratchGroup() {
    for (const auto& tag : tags) {
      const memory::EngineNames names(name, tag);
      for (const auto& ring : {names.broadcast(), names.gather()}) {
        for (const char* part : {"", "members", "arena", "lock"}) {
          ::unlink(memory::Place::shm(ring).path(part).c_str());
        }
      }
    }
  }
  std::vector<std::string> tags;
  ScratchChannel directory; // for the counters
  std::string name = "group-" + std::to_string(::getpid());
};

inline GroupOptions group_of(std::uint32_t workers, Nanoseconds timeout) {
  GroupOptions options;
  options.workers = workers;
  options.timeout = timeout;
  options.ring_bytes = 64 << 10;
  return options;
}

// Doubles what it is told `rounds` times.
inline pid_t fork_worker(const std::string& name, std::uint32_t number, const GroupOptions& options, int rounds) {
  return fork_child([&, rounds] {
    Worker worker(name, number, options);
    int left = rounds;
    while (left != 0 && worker.in().wait(in_seconds(60)) == WaitResult::ready) {
      worker.in().poll([&](const Tick& got) {
        --left;
        (void)worker.out().publish(tick(got.number * 2 + number));
      });
    }
    return left;
  });
}

// Answers what it is told one by one, and stops with number `last` in hand, until it is killed.
inline pid_t fork_mortal(const std::string& name, std::uint32_t number, const GroupOptions& options,
                         std::uint64_t last) {
  return fork_child([&, number, last, parent = ::getpid()]() -> int {
    (void)os::set_parent_death_signal(SIGKILL, parent);
    Worker worker(name, number, options);
    while (worker.in().wait(in_seconds(60)) == WaitResult::ready) {
      worker.in().poll(
          [&](const Tick& got) {
            (void)worker.out().publish(tick(got.number));
            while (got.number == last) {
              ::pause();
            }
          },
          1);
    }
    return 1;
  });
}

inline void kill_and_reap(pid_t child) {
  ::kill(child, SIGKILL);
  wait_for_child(child);
}

inline void say(Group& group, std::uint64_t first, std::uint64_t last) {
  for (auto number = first; number <= last; ++number) {
    REQUIRE(group.out().publish(tick(number), in_seconds(60)) == PublishResult::published);
  }
}

using Answers = std::vector<std::vector<std::uint64_t>>; // of each worker, in order

inline void hear(Group& group, Answers& answers, std::size_t wanted) {
  for (std::size_t heard = 0; heard < wanted;) {
    REQUIRE(group.wait(in_seconds(60)) == WaitResult::ready);
    group.poll([&](std::uint32_t worker, const Tick& got) {
      answers.at(worker).push_back(got.number);
      ++heard;
    });
  }
}

} // namespace ringfleet::channel::test
