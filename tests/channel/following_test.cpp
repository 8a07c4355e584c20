// Subscribers that follow others by their ids: a pipeline, a diamond, deaths in them, and what is refused. // T2, T7

#include "../mortals.hpp"
#include "../scale.hpp"
#include "channel_fixture.hpp"

#include <doctest/doctest.h>

#include <array>
#include <csignal>
#include <functional>
#include <string>
#include <thread>
#include <vector>

using namespace ringfleet;
using namespace ringfleet::channel;
using namespace ringfleet::channel::test;

namespace {

SubscriberOptions following(std::string id, std::vector<std::string> follows) {
  SubscriberOptions options = from_oldest(std::move(id));
  options.follows = std::move(follows);
  return options;
}

template <class In>
std::uint64_t take(In& in, std::uint64_t max = ~std::uint64_t{0}) {
  return in.poll([](const Tick&) {}, max).messages;
}

// One poll hands out what the look before it has seen.
template <class In>
std::uint64_t take_all(In& in) {
  std::uint64_t all = 0;
  while (const auto taken = take(in)) {
    all += taken;
  }
  return all;
}

template <class Out>
void publish(Out& out, std::uint64_t first, std::uint64_t end) {
  for (auto number = first; number < end; ++number) {
    REQUIRE(out.publish(tick(number), in_seconds(60)) == PublishResult::published);
  }
}

template <class Out, class In>
void check_order_of_stages() {
  const ScratchChannel channel;
  Out out(channel.place(), small_ring());
  In parse(channel.place(), from_oldest("parse"));
  In journal(channel.place(), from_oldest("journal"));
  In act(channel.place(), following("act", {"parse", "journal"}));
  In last(channel.place(), following({}, {"act"}));
  publish(out, 0, 5);
  CHECK(take(act) == 0);
  CHECK(take(parse) == 5);
  CHECK(take(act) == 0);
  CHECK(take(journal, 2) == 2);
  CHECK(take(last) == 0);
  CHECK(take(act) == 2);
  CHECK(take(last) == 2);
  CHECK(take(journal) == 3);
  CHECK(act.wait(in_seconds(60)) == WaitResult::ready);
  CHECK(take(act, 1) == 1);
  CHECK(take(last) == 1);
  CHECK(take(act) == 2);
  CHECK(take(last) == 2);
  journal.leave();
  publish(out, 5, 6);
  CHECK(take(act) == 0);
  CHECK(take(parse) == 1);
  CHECK(take(act) == 1);
  CHECK(take(last) == 1);
}

// Each stage a process; a word of shared memory says how far each has come.
template <class Out, class In>
void run_diamond(std::uint64_t total) {
  const ScratchChannel channel;
  const ringfleet::test::ForkShared<std::array<std::uint64_t, 3>> words;
  const auto stage = [&](std::string id, std::vector<std::string> follows, std::size_t own,
                         std::function<bool(std::uint64_t)> is_right) {
    return fork_child([&, id, follows, own, is_right]() -> int {
      auto options = following(id, follows);
      options.wait_for_publisher = std::chrono::seconds(60);
      In in(channel.place(), options);
      std::uint64_t next = 0;
      std::uint64_t wrong = 0;
      const auto end = in.run([&](const Tick& seen) {
        wrong += seen.number != next++ || !is_right(seen.number);
        Atomics::store_release((*words)[own], next);
      });
      return end == WaitResult::detached && wrong == 0 && next == total ? 0 : 1;
    });
  };
  const auto has_come = [&](std::size_t who, std::uint64_t number) {
    return Atomics::load_acquire((*words)[who]) > number;
  };
  const std::array children = {
      stage("last", {"left", "right"}, 2, [&](std::uint64_t n) { return has_come(0, n) && has_come(1, n); }),
      stage("left", {}, 0, [](std::uint64_t) { return true; }),
      stage("right", {}, 1, [](std::uint64_t) { return true; }),
  };
  {
    auto options = small_ring();
    options.coordination = Coordination::wait_for_readers(3, std::chrono::seconds(60));
    Out out(channel.place(), options);
    publish(out, 0, total);
  }
  for (const auto child : children) {
    const auto status = wait_for_child(child);
    CHECK_FALSE(status.signalled);
    CHECK(status.code == 0);
  }
}

} // namespace

TEST_CASE("channel: a subscriber sees what all that it follows have released, and nothing before") {
  check_order_of_stages<Publisher<Tick>, Subscriber<Tick>>();
  check_order_of_stages<SharedPublisher<Tick>, SharedSubscriber<Tick>>();
}

TEST_CASE("channel: a diamond of processes started in any order, parked waits, one publisher and many") {
  run_diamond<Publisher<Tick>, Subscriber<Tick>>(50'000 / ringfleet::test::scale_down);
  run_diamond<SharedPublisher<Tick>, SharedSubscriber<Tick>>(50'000 / ringfleet::test::scale_down);
}

TEST_CASE("channel: a followed reader that dies holds nothing back, and is followed again when it is back") {
  const ScratchChannel channel;
  Publisher<Tick> out(channel.place(), small_ring());
  const ringfleet::test::ForkShared<std::uint64_t> is_in;
  const auto child = fork_child([&]() -> int {
    Subscriber<Tick> in(channel.place(), from_oldest("journal"));
    Atomics::store_release(*is_in, std::uint64_t{1});
    for (;;) {
      ::pause();
    }
  });
  while (Atomics::load_acquire(*is_in) == 0) {
    ::sched_yield();
  }
  Subscriber<Tick> act(channel.place(), following("act", {"journal"}));
  publish(out, 0, 3);
  CHECK(take(act) == 0);
  ::kill(child, SIGKILL);
  wait_for_child(child);
  // The kernel tells whoever follows it, whatever the publisher does meanwhile.
  CHECK(act.wait(in_seconds(60)) == WaitResult::ready);
  CHECK(take(act) == 3);
  Subscriber<Tick> again(channel.place(), from_oldest("journal"));
  CHECK(again.is_resumed());
  publish(out, 3, 6);
  CHECK(take(act) == 0);
  CHECK(take_all(again) == 6); // what the dead one had not read as well
  CHECK(take(act) == 3);
}

TEST_CASE("channel: who follows somebody unknown waits for as long as it may, and is then told who is there") {
  const ScratchChannel channel;
  const Publisher<Tick> out(channel.place(), small_ring());
  const Subscriber<Tick> risk(channel.place(), from_oldest("risk"));
  const LossySubscriber<Tick> display(channel.place(), from_oldest("display"));
  for (const auto& id : {"journal", "display"}) {
    std::string text;
    CHECK(error_of([&] { Subscriber<Tick>(channel.place(), following("act", {"risk", id})); }, &text) ==
          ErrorCode::not_found);
    const auto wanted = std::string("it follows '") + id + "', but no reliable reader has that id; there is 'risk'";
    CHECK_MESSAGE(text.find(wanted) != std::string::npos, text);
  }
  auto options = following("act", {"journal"});
  options.wait_for_publisher = std::chrono::seconds(60);
  std::thread waiting([&] { const Subscriber<Tick> act(channel.place(), options); });
  const Subscriber<Tick> journal(channel.place(), from_oldest("journal"));
  waiting.join();
}

TEST_CASE("channel: readers that would follow each other in a circle are refused, and lose no place") {
  const ScratchChannel channel;
  Publisher<Tick> out(channel.place(), small_ring());
  {
    Subscriber<Tick> a(channel.place(), from_oldest("a"));
    publish(out, 0, 3);
    CHECK(take(a, 1) == 1);
  }
  const Subscriber<Tick> b(channel.place(), following("b", {"a"})); // a's place is kept
  const Subscriber<Tick> c(channel.place(), following("c", {"b"}));
  std::string text;
  CHECK(error_of([&] { Subscriber<Tick>(channel.place(), following("a", {"c"})); }, &text) ==
        ErrorCode::invalid_argument);
  CHECK_MESSAGE(text.find("it follows 'c', which follows this reader in turn") != std::string::npos, text);
  Subscriber<Tick> a(channel.place(), from_oldest("a"));
  CHECK(a.is_resumed());
  CHECK(take(a) == 2);
}

TEST_CASE("channel: a place that was kept for somebody who is followed, and is given to the follower, is no circle") {
  const ScratchChannel channel;
  auto narrow = small_ring();
  narrow.members = 1;
  const Publisher<Tick> out(channel.place(), narrow);
  {
    auto brief = from_oldest("a");
    brief.keep_place = Nanoseconds(0);
    const Subscriber<Tick> a(channel.place(), brief);
  }
  CHECK(error_of([&] { Subscriber<Tick>(channel.place(), following("b", {"a"})); }) == ErrorCode::not_found);
}
