// One scheduler and N workers, with messages both ways. // T21

#include "channel_fixture.hpp"

#include "ringfleet/channel/worker_group.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace ringfleet;
using namespace ringfleet::channel;
using namespace ringfleet::channel::test;

namespace {

using Group = WorkerGroup<Tick, Tick>;
using Worker = GroupWorker<Tick, Tick>;

// A group's name, and its two channels gone at the end.
struct ScratchGroup {
  ScratchGroup() = default;
  ~ScratchGroup() {
    for (const auto& ring : {memory::EngineNames(name).broadcast(), memory::EngineNames(name).gather()}) {
      for (const char* part : {"", "members", "arena", "lock"}) {
        ::unlink(memory::Place::shm(ring).path(part).c_str());
      }
    }
  }
  ScratchChannel directory; // for the counters
  std::string name = "group-" + std::to_string(::getpid());
};

GroupOptions group_of(std::uint32_t workers, Nanoseconds timeout) {
  GroupOptions options;
  options.workers = workers;
  options.timeout = timeout;
  options.ring_bytes = 64 << 10;
  return options;
}

// Doubles what it is told `rounds` times.
pid_t fork_worker(const std::string& name, std::uint32_t number, const GroupOptions& options, int rounds) {
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

} // namespace

TEST_CASE("worker group: what the scheduler says reaches every worker, and every answer reaches it, with its sender") {
  for (const std::uint32_t workers : {1U, 3U, 64U}) {
    const ScratchGroup scratch;
    const auto options = group_of(workers, std::chrono::seconds(60));
    std::vector<pid_t> children;
    for (std::uint32_t number = 0; number < workers; ++number) {
      children.push_back(fork_worker(scratch.name, number, options, 2));
    }
    Group group(scratch.name, options);
    std::vector<int> answers(workers);
    for (std::uint64_t round = 1; round <= 2; ++round) {
      REQUIRE(group.out().publish(tick(round)) == PublishResult::published);
      for (std::uint32_t count = 0; count < workers;) {
        REQUIRE(group.wait(in_seconds(60)) == WaitResult::ready);
        group.poll([&](std::uint32_t worker, const Tick& got) {
          CHECK(got.number == round * 2 + worker);
          ++answers[worker];
          ++count;
        });
      }
    }
    CHECK(answers == std::vector<int>(workers, 2));
    for (const auto child : children) {
      CHECK(wait_for_child(child).code == 0);
    }
  }
}

TEST_CASE("worker group: who is missing is named, on either side") {
  const ScratchGroup scratch;
  const auto options = group_of(3, std::chrono::milliseconds(300));
  const pid_t one = fork_worker(scratch.name, 1, group_of(3, std::chrono::seconds(60)), 1);
  std::string text;
  // The one that comes need not be quicker than the timeout; the two that never come are named in any case.
  CHECK(error_of([&] { Group group(scratch.name, options); }, &text) == ErrorCode::timed_out);
  CHECK(text.find("of 3 workers: 0") != std::string::npos);
  CHECK(text.find('2') != std::string::npos);
  ::kill(one, SIGKILL);
  wait_for_child(one);
  CHECK(error_of([&] { Worker worker(scratch.name, 0, options); }, &text) == ErrorCode::timed_out);
  CHECK(error_of([&] { Worker worker(scratch.name, 3, options); }, &text) == ErrorCode::invalid_argument);
  CHECK(error_of([&] { Group group(scratch.name, group_of(65, options.timeout)); }, &text) == ErrorCode::limit_reached);
  CHECK(text.find("workers is 65, expected 1 to 64") != std::string::npos);
  CHECK(error_of([&] { Group group(scratch.name, group_of(1, std::chrono::nanoseconds(-1))); }, &text) ==
        ErrorCode::invalid_argument);
  CHECK(text.find("timeout is -1 ns, expected 0 or more") != std::string::npos);
  auto no_ring = options;
  no_ring.ring_bytes = 0;
  CHECK(error_of([&] { Worker worker(scratch.name, 0, no_ring); }, &text) == ErrorCode::invalid_argument);
  CHECK(text.find("ring_bytes is 0, expected 1 to 1099511627776") != std::string::npos);
}
