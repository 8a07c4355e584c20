// One scheduler and N workers: what comes after a death, on either side. // T21

#include "worker_group_fixture.hpp"

using namespace ringfleet;
using namespace ringfleet::channel;
using namespace ringfleet::channel::test;

TEST_CASE("worker group: a worker that is killed comes back under its number, and goes on where it was") {
  const ScratchGroup scratch;
  const auto options = group_of(2, std::chrono::seconds(60));
  const pid_t living = fork_worker(scratch.name, 1, options, 9);
  const pid_t mortal = fork_mortal(scratch.name, 0, options, 3);
  Group group(scratch.name, options);
  Answers answers(2);
  say(group, 1, 3);
  hear(group, answers, 3 + 3);
  kill_and_reap(mortal);
  say(group, 4, 9);
  const pid_t heir = fork_child([&] {
    Worker worker(scratch.name, 0, options);
    bool is_well = worker.in().is_resumed() && worker.in().missed() == 0;
    for (std::uint64_t last = 0; last != 9 && worker.in().wait(in_seconds(60)) == WaitResult::ready;) {
      worker.in().poll([&](const Tick& got) {
        last = got.number;
        is_well &= worker.out().publish(tick(last)) == PublishResult::published;
      });
    }
    return is_well ? 0 : 1;
  });
  hear(group, answers, 7 + 6);
  CHECK(answers[0] == std::vector<std::uint64_t>{1, 2, 3, 3, 4, 5, 6, 7, 8, 9}); // the one that it had in hand, again
  CHECK(answers[1] == std::vector<std::uint64_t>{3, 5, 7, 9, 11, 13, 15, 17, 19});
  CHECK(wait_for_child(heir).code == 0);
  CHECK(wait_for_child(living).code == 0);
}

TEST_CASE("worker group: a dead worker holds nobody up, and is told what it missed when it comes back too late") {
  const ScratchGroup scratch;
  const auto options = group_of(1, std::chrono::seconds(60));
  const pid_t mortal = fork_mortal(scratch.name, 0, options, 2);
  Group group(scratch.name, options);
  Answers answers(1);
  say(group, 1, 2);
  hear(group, answers, 2);
  kill_and_reap(mortal);
  constexpr std::uint64_t last = 10'000; // several times what the ring holds
  say(group, 3, last);
  const pid_t heir = fork_child([&] {
    Worker worker(scratch.name, 0, options);
    const auto begin = worker.in().position();
    const auto missed = worker.in().missed();
    std::uint64_t first = 0;
    std::uint64_t next = 0;
    bool is_well = worker.in().is_resumed();
    while (next != last + 1 && worker.in().wait(in_seconds(60)) == WaitResult::ready) {
      worker.in().poll([&](const Tick& got) {
        first = first == 0 ? got.number : first;
        is_well &= next == 0 || got.number == next;
        next = got.number + 1;
      });
    }
    const auto blocks_each = (worker.in().position() - begin) / (next - first);
    return is_well && first > 2 && missed == (first - 2) * blocks_each ? 0 : 1;
  });
  CHECK(wait_for_child(heir).code == 0);
}

TEST_CASE("worker group: workers outlive their scheduler, and hear the next one from its first word on") {
  const ScratchGroup scratch;
  const auto options = group_of(1, std::chrono::seconds(60));
  const pid_t first = fork_child([&, parent = ::getpid()]() -> int {
    (void)os::set_parent_death_signal(SIGKILL, parent);
    Group group(scratch.name, options);
    for (std::uint64_t number = 1; number <= 2; ++number) {
      (void)group.out().publish(tick(number));
    }
    for (;;) {
      ::pause();
    }
  });
  Worker worker(scratch.name, 0, options);
  std::vector<std::uint64_t> heard;
  const auto hear_until = [&](std::uint64_t last) {
    while (heard.empty() || heard.back() != last) {
      REQUIRE(worker.in().wait(in_seconds(60)) == WaitResult::ready);
      worker.in().poll([&](const Tick& got) { heard.push_back(got.number); });
    }
  };
  hear_until(2);
  kill_and_reap(first);
  CHECK(worker.in().wait(in_seconds(60)) == WaitResult::detached);
  CHECK(worker.out().publish(tick(100)) == PublishResult::published); // nobody is there to hold it up, or to hear it
  const pid_t second = fork_child([&] {
    Group group(scratch.name, options);
    for (std::uint64_t number = 3; number <= 4; ++number) {
      (void)group.out().publish(tick(number));
    }
    std::uint64_t answer = 0;
    while (answer == 0 && group.wait(in_seconds(60)) == WaitResult::ready) {
      group.poll([&](std::uint32_t number, const Tick& got) { answer = number == 0 ? got.number : 1; }, 1);
    }
    return answer == 5 ? 0 : 1;
  });
  REQUIRE(worker.in().wait_for_publisher(in_seconds(60)) == WaitResult::ready);
  hear_until(4);
  CHECK(heard == std::vector<std::uint64_t>{1, 2, 3, 4});
  CHECK(worker.out().publish(tick(5)) == PublishResult::published);
  CHECK(wait_for_child(second).code == 0);
}

TEST_CASE("worker group: a worker that died is missing for the next scheduler") {
  const ScratchGroup scratch;
  const auto options = group_of(2, std::chrono::seconds(60));
  const pid_t mortal = fork_mortal(scratch.name, 0, options, 1);
  const pid_t living = fork_mortal(scratch.name, 1, options, 1);
  {
    Group group(scratch.name, options);
    Answers answers(2);
    say(group, 1, 1);
    hear(group, answers, 2);
  }
  kill_and_reap(mortal);
  std::string text;
  CHECK(error_of([&] { Group group(scratch.name, group_of(2, std::chrono::milliseconds(300))); }, &text) ==
        ErrorCode::timed_out);
  CHECK_MESSAGE(text.find("of 2 workers: 0 (") != std::string::npos, text);
  kill_and_reap(living);
}
