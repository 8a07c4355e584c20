// One scheduler and N workers: rendezvous, messages both ways, refusals. // T21

#include "worker_group_fixture.hpp"

using namespace ringfleet;
using namespace ringfleet::channel;
using namespace ringfleet::channel::test;

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

TEST_CASE("worker group: a second worker of one number and a second scheduler are refused, and disturb nobody") {
  const ScratchGroup scratch;
  const auto options = group_of(1, std::chrono::seconds(60));
  const pid_t one = fork_worker(scratch.name, 0, options, 1);
  Group group(scratch.name, options);
  std::string text;
  CHECK(error_of([&] { Worker worker(scratch.name, 0, options); }, &text) == ErrorCode::already_exists);
  CHECK_MESSAGE(text.find("process " + std::to_string(one)) != std::string::npos, text);
  CHECK(error_of([&] { Group second(scratch.name, options); }, &text) == ErrorCode::already_exists);
  CHECK_MESSAGE(text.find(std::to_string(::getpid())) != std::string::npos, text);
  Answers answers(1);
  say(group, 7, 7);
  hear(group, answers, 1);
  CHECK(answers[0] == std::vector<std::uint64_t>{14});
  CHECK(wait_for_child(one).code == 0);
}

TEST_CASE("worker group: runs of one name with different tags do not hear each other") {
  const ScratchGroup scratch({"a", "b", "c"});
  const auto tagged = [](const char* tag, Nanoseconds timeout) {
    auto options = group_of(1, timeout);
    options.tag = tag;
    return options;
  };
  const auto a = tagged("a", std::chrono::seconds(60));
  const auto b = tagged("b", std::chrono::seconds(60));
  const pid_t worker_a = fork_worker(scratch.name, 0, a, 1);
  const pid_t worker_b = fork_worker(scratch.name, 0, b, 1);
  Group group_a(scratch.name, a);
  Group group_b(scratch.name, b);
  std::string text;
  CHECK(error_of([&] { Group(scratch.name, tagged("c", std::chrono::milliseconds(100))); }, &text) ==
        ErrorCode::timed_out);
  Answers of_a(1);
  Answers of_b(1);
  say(group_a, 10, 10);
  hear(group_a, of_a, 1);
  say(group_b, 20, 20);
  hear(group_b, of_b, 1);
  CHECK(of_a[0] == std::vector<std::uint64_t>{20});
  CHECK(of_b[0] == std::vector<std::uint64_t>{40});
  CHECK(wait_for_child(worker_a).code == 0);
  CHECK(wait_for_child(worker_b).code == 0);
}
