// One scheduler and N workers: a death in the middle of something, on either side. What comes afterwards is in
// worker_group_life_test.cpp. // T21

#include "held_child.hpp"
#include "worker_group_fixture.hpp"

#include <thread>

using namespace ringfleet;
using namespace ringfleet::channel;
using namespace ringfleet::channel::test;

namespace {

bool is_full(auto& out) {
  auto result = PublishResult::published;
  for (int i = 0; i < 10'000 && result == PublishResult::published; ++i) {
    result = out.try_publish(tick(1));
  }
  return result == PublishResult::full;
}

} // namespace

TEST_CASE("worker group: a worker that is killed in an answer takes that one with it, and holds up no other worker's") {
  for (const std::uint32_t number : {0U, 1U}) {
    const ScratchGroup scratch;
    const auto options = group_of(2, std::chrono::seconds(60));
    HeldChild dying([&](const auto& stay) {
      Worker worker(scratch.name, number, options);
      (void)worker.out().publish(tick(100));
      const auto claim = worker.out().frames().claim(sizeof(Tick), in_seconds(60));
      stay();
      return claim ? 1 : 2;
    });
    const pid_t living = fork_worker(scratch.name, 1 - number, options, 3);
    Group group(scratch.name, options);
    REQUIRE(dying.stays());
    say(group, 1, 1); // is answered behind the answer that was begun, or before
    dying.kill_and_reap();
    say(group, 2, 3);
    Answers answers(2);
    hear(group, answers, 1 + 3);
    CHECK(answers[number] == std::vector<std::uint64_t>{100});
    CHECK(answers[1 - number].size() == 3);
    CHECK(wait_for_child(living).code == 0);
  }
}

TEST_CASE("worker group: a scheduler that waits for room goes on when the worker that held it up is killed") {
  const ScratchGroup scratch;
  const auto options = group_of(1, std::chrono::seconds(60));
  HeldChild idle([&](const auto& stay) {
    Worker worker(scratch.name, 0, options);
    stay();
    return 1;
  });
  Group group(scratch.name, options);
  REQUIRE(idle.stays());
  REQUIRE(is_full(group.out()));
  std::thread killer([&] { idle.kill_and_reap(); });
  CHECK(group.out().publish(tick(2), in_seconds(60)) == PublishResult::published);
  killer.join();
  CHECK_FALSE(is_full(group.out()));
}

TEST_CASE("worker group: a worker that waits for room goes on when its scheduler is killed, and is told") {
  const ScratchGroup scratch;
  const auto options = group_of(1, std::chrono::seconds(60));
  HeldChild scheduler([&](const auto& stay) {
    Group group(scratch.name, options);
    (void)group.out().publish(tick(1));
    const auto claim = group.out().frames().claim(sizeof(Tick), in_seconds(60)); // nobody hears of that
    stay();
    return claim ? 1 : 2;
  });
  Worker worker(scratch.name, 0, options);
  REQUIRE(scheduler.stays());
  REQUIRE(is_full(worker.out()));
  std::thread killer([&] { scheduler.kill_and_reap(); });
  CHECK(worker.out().publish(tick(2), in_seconds(60)) == PublishResult::published);
  killer.join();
  CHECK_FALSE(is_full(worker.out()));
  std::vector<std::uint64_t> heard;
  while (worker.in().wait(in_seconds(60)) == WaitResult::ready) {
    worker.in().poll([&](const Tick& got) { heard.push_back(got.number); });
  }
  CHECK(worker.in().wait(0) == WaitResult::detached);
  CHECK(heard == std::vector<std::uint64_t>{1});
}

TEST_CASE(
    "worker group: a scheduler that is killed before all are there is told to those that are; the next one serves") {
  const ScratchGroup scratch;
  const auto options = group_of(2, std::chrono::seconds(60));
  const pid_t first = fork_child([&, parent = ::getpid()]() -> int {
    (void)os::set_parent_death_signal(SIGKILL, parent);
    Group group(scratch.name, options); // waits for a worker that does not come
    return 1;
  });
  Worker early(scratch.name, 0, options); // is there when the scheduler is
  kill_and_reap(first);
  CHECK(early.in().wait(in_seconds(60)) == WaitResult::detached);
  const pid_t late = fork_worker(scratch.name, 1, options, 1);
  const pid_t second = fork_child([&] {
    Group group(scratch.name, options);
    (void)group.out().publish(tick(7));
    std::uint64_t answers = 0;
    while (answers != 2 && group.wait(in_seconds(60)) == WaitResult::ready) {
      group.poll([&](std::uint32_t number, const Tick& got) { answers += got.number == 14 + number ? 1 : 0; });
    }
    return answers == 2 ? 0 : 1;
  });
  REQUIRE(early.in().wait_for_publisher(in_seconds(60)) == WaitResult::ready);
  REQUIRE(early.in().wait(in_seconds(60)) == WaitResult::ready);
  std::vector<std::uint64_t> heard;
  early.in().poll([&](const Tick& got) { heard.push_back(got.number); });
  CHECK(heard == std::vector<std::uint64_t>{7});
  CHECK(early.out().publish(tick(14)) == PublishResult::published);
  CHECK(wait_for_child(second).code == 0);
  CHECK(wait_for_child(late).code == 0);
}
