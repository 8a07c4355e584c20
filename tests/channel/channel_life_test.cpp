// Publishers and subscribers that come, go, die and come back, as processes. // T7, T10, T12

#include "channel_fixture.hpp"

#include "../scale.hpp"
#include "ringfleet/counter/counter_snapshot.hpp"
#include "ringfleet/os/runtime_directory.hpp"
#include "ringfleet/ring/fan_in.hpp"
#include "ringfleet/ring/membership.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <fstream>
#include <thread>

#include <sys/stat.h>

using namespace ringfleet;
using namespace ringfleet::channel;
using namespace ringfleet::channel::test;

namespace {

// Publishes from `first` on until it is killed.
pid_t fork_publisher(const memory::Place& place, std::uint64_t first) {
  return fork_child([&] {
    Publisher<Tick> out(place, small_ring());
    for (std::uint64_t i = first;; ++i) {
      if (out.publish(tick(i)) != PublishResult::published) {
        return 1;
      }
    }
  });
}
void kill_and_wait(pid_t pid) {
  ::kill(pid, SIGKILL);
  wait_for_child(pid);
}

} // namespace

TEST_CASE("channel: a publisher that is killed leaves whole messages; its successor goes on, nobody misses any") { // T7
  const ScratchChannel channel;
  pid_t child = fork_publisher(channel.place(), 0);
  SubscriberOptions options = from_oldest("ledger");
  options.wait_for_publisher = std::chrono::seconds(30);
  Subscriber<Tick> in(channel.place(), options);
  std::uint64_t next = 0; // the first that is seen: what was published before may be overwritten by then
  std::uint64_t wrong = 0;
  const auto take = [&](const Tick& got) {
    next = next == 0 ? got.number : next;
    wrong += got.number == next && got.twice == 2 * next ? 0 : 1;
    next = got.number + 1;
  };
  for (std::uint64_t round = 0; round < (ringfleet::test::scale_down == 1 ? 20U : 3U); ++round) {
    const auto enough = next + 500;
    while (next < enough) {
      REQUIRE(in.wait(in_seconds(60)) == WaitResult::ready);
      in.poll(take);
    }
    kill_and_wait(child);
    CHECK(in.run(take) == WaitResult::detached);
    const auto generation = in.frames().generation();
    child = fork_publisher(channel.place(), next);
    REQUIRE(in.wait_for_publisher(in_seconds(60)) == WaitResult::ready);
    CHECK(in.frames().generation() == generation + 1);
  }
  kill_and_wait(child);
  CHECK(wrong == 0);
}

TEST_CASE("channel: a reader that is killed stops gating at once; the same id goes on where it was") { // T7, T11
  const ScratchChannel channel;
  Publisher<Tick> out(channel.place(), small_ring());
  const pid_t child = fork_child([&] {
    Subscriber<Tick> in(channel.place(), from_oldest("worker"));
    std::uint64_t read = 0;
    while (read < 10 && in.wait() == WaitResult::ready) {
      in.poll([&](const Tick&) { ++read; }, 1);
    }
    for (;;) {
      ::pause();
    }
    return 0;
  });
  REQUIRE(out.wait_for_readers(1, in_seconds(60)));
  std::uint64_t published = 0;
  const auto is_at_ten = [&] {
    const auto members = out.frames().members();
    return members.size() == 1 && members.front().position == 10;
  };
  while (published < 10) {
    REQUIRE(out.publish(tick(published++)) == PublishResult::published);
  }
  while (!is_at_ten()) {
    std::this_thread::yield();
  }
  while (out.try_publish(tick(published)) == PublishResult::published) {
    ++published;
  }
  CHECK(published == 74);
  ::kill(child, SIGKILL);
  for (int i = 0; i < 10; ++i) {
    CHECK(out.publish(tick(published++), in_seconds(60)) == PublishResult::published);
  }
  wait_for_child(child);
  Subscriber<Tick> back(channel.place(), from_oldest("worker"));
  CHECK(back.is_resumed());
  std::uint64_t first = ~std::uint64_t{0};
  std::uint64_t count = 0;
  back.poll([&](const Tick& got) {
    first = std::min(first, got.number);
    ++count;
  });
  CHECK(first + count == published);
  CHECK(first == 10 + back.missed()); // what was overwritten while it was gone is told
}

TEST_CASE("channel: what was lent and taken back while a reader was away is told by missed()") { // T7, fault 44
  const ScratchChannel channel;
  PublisherOptions options;
  options.arena_bytes = 4'096; // the ring holds many times as many records as the arena holds loans
  FramePublisher out(channel.place(), options);
  {
    const FrameSubscriber before(channel.place(), from_oldest("away"));
  }
  constexpr std::uint64_t lent = 20;
  for (std::uint64_t i = 0; i < lent; ++i) {
    auto loan = out.loan(1'024, in_seconds(60));
    REQUIRE(loan);
    REQUIRE(out.commit(loan, loan.bytes()) == PublishResult::published);
  }
  FrameSubscriber back(channel.place(), from_oldest("away"));
  REQUIRE(back.is_resumed());
  const auto got = back.poll([](const frame::View&) {}).messages;
  CHECK(got < lent);
  CHECK(got + back.missed() == lent);
}

TEST_CASE("channel: a subscriber that ends and comes back by its id misses nothing, one without id begins anew") { // T8
  const ScratchChannel channel;
  Publisher<Tick> out(channel.place());
  for (const bool with_id : {true, false}) {
    const std::string id = with_id ? "daily" : "";
    {
      const Subscriber<Tick> first(channel.place(), from_oldest(id));
    }
    const auto position = out.frames().ring().published();
    REQUIRE(out.publish(tick(1)) == PublishResult::published);
    SubscriberOptions options;
    options.id = id;
    Subscriber<Tick> second(channel.place(), options);
    CHECK(second.is_resumed() == with_id);
    (void)position;
    std::uint64_t count = 0;
    second.poll([&](const Tick&) { ++count; });
    CHECK((count > 0) == with_id);
    second.leave();
  }
}

TEST_CASE("channel: one wait over several subscribers ends with a message of any, and with the death of a publisher") {
  const ScratchChannel one; // T14
  const ScratchChannel two;
  Publisher<Tick> out(one.place());
  const pid_t child = fork_child([&] {
    const Publisher<Tick> silent(two.place());
    ::pause();
    return 0;
  });
  SubscriberOptions options;
  options.wait_for_publisher = std::chrono::seconds(60);
  Subscriber<Tick> first(one.place(), options);
  Subscriber<Tick> second(two.place(), options);
  ring::FanIn both;
  CHECK(both.add(first.frames().ring()) == 0);
  CHECK(both.add(second.frames().ring()) == 1);
  std::thread writer([&] { CHECK(out.publish(tick(1)) == PublishResult::published); });
  auto ready = both.wait(in_seconds(60));
  CHECK(ready.result == ring::BarrierResult::reached);
  CHECK(ready.index == 0);
  CHECK(first.poll([](const Tick&) {}).messages == 1);
  writer.join();
  std::thread killer([&] { ::kill(child, SIGKILL); });
  ready = both.wait(in_seconds(60));
  CHECK(ready.result == ring::BarrierResult::reached);
  CHECK(ready.index == 1);
  CHECK(second.poll([](const Tick&) {}).ended == frame::ReadResult::detached);
  killer.join();
  wait_for_child(child);
}

TEST_CASE("channel: a publisher that waits for readers either has them or does not exist") { // T10
  const ScratchChannel channel;
  PublisherOptions options;
  options.coordination = Coordination::wait_for_readers(2, std::chrono::milliseconds(5));
  std::string text;
  CHECK(error_of([&] { Publisher<Tick> out(channel.place(), options); }, &text) == ErrorCode::timed_out);
  CHECK(text.find("0 of 2 readers") != std::string::npos);
  const auto join = [&] {
    SubscriberOptions late;
    late.wait_for_publisher = std::chrono::seconds(60);
    Subscriber<Tick> in(channel.place(), late);
    return in.wait(in_seconds(60)) == WaitResult::ready ? 0 : 1;
  };
  const pid_t one = fork_child(join);
  const pid_t two = fork_child(join);
  options.coordination.timeout = std::chrono::seconds(60);
  Publisher<Tick> out(channel.place(), options);
  CHECK(out.publish(tick(0)) == PublishResult::published);
  CHECK(wait_for_child(one).code == 0);
  CHECK(wait_for_child(two).code == 0);
}

TEST_CASE("channel: a reader counts once it holds its gate, and misses nothing from then on") { // T10
  const ScratchChannel channel;
  Publisher<Tick> out(channel.place());
  auto space = ring::RingSpace::attach(
      channel.place(), {.unit_bytes = sizeof(frame::FrameBlock), .fingerprint = codec::fingerprint_of<Tick>()});
  const auto membership = ring::Membership::join(space, {}, in_seconds(60));
  CHECK(out.readers() == 0);
  const auto reader = ring::Reader<frame::FrameBlock>::join(space.memory<frame::FrameBlock>(), membership.line());
  REQUIRE(reader);
  CHECK(out.readers() == 1);
}

TEST_CASE("channel: a publisher that buffers until somebody reads keeps its beginning, up to the bound") { // T10
  const ScratchChannel channel;
  PublisherOptions options = small_ring();
  options.coordination = Coordination::buffer_until_readers(1, 5);
  Publisher<Tick> out(channel.place(), options);
  for (std::uint64_t i = 0; i < 5; ++i) {
    CHECK(out.publish(tick(i)) == PublishResult::published);
  }
  CHECK(out.publish(tick(5)) == PublishResult::no_readers);
  Subscriber<Tick> in(channel.place(), from_oldest());
  for (std::uint64_t i = 5; i < 60; ++i) {
    CHECK(out.try_publish(tick(i)) == PublishResult::published);
  }
  std::uint64_t next = 0;
  while (in.poll([&](const Tick& got) { next += got.number == next ? 1 : 0; }).messages != 0) {
  }
  CHECK(next == 60);
}

TEST_CASE("channel: a buffer that is full with nobody there says so instead of waiting for ever") { // T10
  const ScratchChannel channel;
  PublisherOptions options = small_ring();
  options.coordination = Coordination::buffer_until_readers(1);
  Publisher<Tick> out(channel.place(), options);
  std::uint64_t published = 0;
  while (out.publish(tick(published)) == PublishResult::published) {
    ++published;
  }
  CHECK(published == 64);
  CHECK(out.publish(tick(0)) == PublishResult::no_readers);
}

TEST_CASE(
    "channel: a required reader that stands still is lagging, then missed, then evicted; it is told") { // T11, fault 38
  const ScratchChannel channel;
  PublisherOptions options = small_ring();
  options.required.ids = {"risk"};
  options.required.progress_timeout = std::chrono::milliseconds(1);
  options.required.grace = std::chrono::milliseconds(1);
  options.required.action = MissedAction::evict;
  std::vector<RequiredState> states;
  options.required.on_alert = [&](const RequiredAlert& alert) { states.push_back(alert.state); };
  Publisher<Tick> out(channel.place(), options);
  Subscriber<Tick> in(channel.place(), from_oldest("risk"));
  out.check_readers();
  for (std::uint64_t i = 0; i < 65; ++i) { // one more than there is room for
    REQUIRE(out.publish(tick(i), in_seconds(60)) == PublishResult::published);
  }
  CHECK(states == std::vector{RequiredState::present, RequiredState::lagging, RequiredState::missed});
  CHECK(in.poll([](const Tick&) {}).ended == frame::ReadResult::evicted);
}

TEST_CASE("channel: with the action `fail` nothing is published while a required reader is missed") { // T11, fault 38
  const ScratchChannel channel;
  PublisherOptions options = small_ring();
  options.required.ids = {"risk"};
  options.required.startup_timeout = std::chrono::milliseconds(0);
  Publisher<Tick> out(channel.place(), options);
  out.check_readers();
  CHECK(out.publish(tick(0)) == PublishResult::readers_failed);
  const Subscriber<Tick> in(channel.place(), from_oldest("risk"));
  CHECK(out.publish(tick(0)) == PublishResult::published);
}

TEST_CASE("channel: with the action `fail` a required reader that stands still is missed until it reads") { // T11
  const ScratchChannel channel;
  PublisherOptions options = small_ring();
  options.required.ids = {"risk"};
  options.required.progress_timeout = std::chrono::milliseconds(1);
  options.required.grace = std::chrono::milliseconds(1);
  Publisher<Tick> out(channel.place(), options);
  Subscriber<Tick> in(channel.place(), from_oldest("risk"));
  while (out.try_publish(tick(0)) == PublishResult::published) {
  }
  CHECK(out.publish(tick(0), in_seconds(60)) == PublishResult::readers_failed);
  CHECK(out.publish(tick(0), in_seconds(60)) == PublishResult::readers_failed);
  in.poll([](const Tick&) {});
  CHECK(out.publish(tick(0), in_seconds(60)) == PublishResult::published);
}

TEST_CASE("channel: a reader that comes back in the middle of a message in fragments is told of it") { // T3, T10
  const ScratchChannel channel;
  FramePublisher out(channel.place(), small_ring());
  std::optional<FrameSubscriber> in(std::in_place, channel.place(), from_oldest("risk"));
  FrameSubscriber slow(channel.place(), from_oldest()); // so that nothing is overwritten meanwhile
  const std::vector<std::byte> larger_than_the_ring(10'000);
  const std::array<std::byte, 8> small{};
  std::thread publishing([&] {
    CHECK(out.publish(larger_than_the_ring, in_seconds(60)) == PublishResult::published);
    CHECK(out.publish(small, in_seconds(60)) == PublishResult::published);
  });
  const auto begin = in->position();
  while (in->position() == begin) {
    CHECK(in->poll([](const frame::View&) { FAIL_CHECK("only the beginning can be there"); }, 1).messages == 0);
  }
  in.reset(); // as if it had died
  in.emplace(channel.place(), from_oldest("risk"));
  CHECK(in->is_resumed());
  CHECK(in->missed() == 0);
  std::vector<std::uint64_t> lengths;
  while (lengths.empty()) {
    slow.poll([](const frame::View&) {});
    in->poll([&](const frame::View& view) {
      CHECK(in->missed() > 0); // told before what follows
      lengths.push_back(view.bytes.size());
    });
  }
  publishing.join();
  CHECK(lengths == std::vector<std::uint64_t>{small.size()});
}

TEST_CASE("channel: a handle in a forked child is refused by name") {
  const ScratchChannel channel;
  Publisher<Tick> out(channel.place(), small_ring());
  Subscriber<Tick> in(channel.place());
  const auto ended = in_forked_child([&] {
    std::string text;
    const auto code = error_of([&] { (void)in.wait(); }, &text);
    return code == ErrorCode::wrong_state && text.find(channel.place().name()) != std::string::npos ? 0 : 1;
  });
  CHECK_FALSE(ended.signalled);
  CHECK(ended.code == 0);
  CHECK(out.publish(tick(1)) == PublishResult::published);
}
