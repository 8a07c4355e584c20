// A reader in an event loop, and deaths on either side of it. // T14, T7

#include "channel_fixture.hpp"
#include "held_child.hpp"

#include "ringfleet/ring/event_reader.hpp"

#include <doctest/doctest.h>

#include <poll.h>

using namespace ringfleet;
using namespace ringfleet::channel;
using namespace ringfleet::channel::test;

namespace {

template <class Events>
bool is_readable(const Events& events, int timeout_ms) {
  pollfd entry{.fd = events.fd(), .events = POLLIN, .revents = 0};
  return ::poll(&entry, 1, timeout_ms) == 1;
}
constexpr int patience_ms = 60'000;

// As an event loop does it: it may be readable once too often.
template <class Subscriber, class Events>
frame::ReadResult read_until(Subscriber& in, Events& events, std::vector<std::uint64_t>& heard, std::size_t wanted) {
  auto ended = frame::ReadResult::empty;
  while (heard.size() < wanted && ended == frame::ReadResult::empty && is_readable(events, patience_ms)) {
    ended = in.poll([&](const Tick& got) { heard.push_back(got.number); }).ended;
    events.rearm();
  }
  return ended;
}

// The descriptor of one that has nothing to read is not readable for long.
template <class Subscriber, class Events>
bool is_idle_soon(Subscriber& in, Events& events) {
  const auto deadline = in_seconds(60);
  while (is_readable(events, 0) && monotonic_now() < deadline) {
    in.poll([](const Tick&) { FAIL_CHECK("there is nothing to read"); });
    events.rearm();
  }
  return !is_readable(events, 0);
}

} // namespace

TEST_CASE(
    "event_reader: a publisher that is killed makes it readable, to its end; its heir goes on under the same one") {
  const ScratchChannel channel;
  HeldChild dying([&](const auto& stay) {
    Publisher<Tick> out(channel.place(), small_ring());
    (void)out.publish(tick(1));
    (void)out.publish(tick(2));
    const auto claim = out.frames().claim(sizeof(Tick), in_seconds(60));
    stay();
    return claim ? 1 : 2;
  });
  REQUIRE(dying.stays());
  Subscriber<Tick> in(channel.place(), from_oldest());
  ring::EventReader events(in.frames().ring());
  std::vector<std::uint64_t> heard;
  CHECK(read_until(in, events, heard, 2) == frame::ReadResult::empty);
  CHECK(is_idle_soon(in, events)); // what it has begun is not there
  dying.kill_and_reap();
  CHECK(read_until(in, events, heard, 3) == frame::ReadResult::detached);
  CHECK(is_readable(events, 0)); // it stays so
  CHECK(heard == std::vector<std::uint64_t>{1, 2});

  Publisher<Tick> heir(channel.place(), small_ring());
  REQUIRE(in.wait_for_publisher(in_seconds(60)) == WaitResult::ready);
  events.rearm();
  CHECK(is_idle_soon(in, events));
  CHECK(heir.publish(tick(3)) == PublishResult::published);
  CHECK(read_until(in, events, heard, 3) == frame::ReadResult::empty);
  CHECK(heard == std::vector<std::uint64_t>{1, 2, 3});
}

TEST_CASE("event_reader: of several publishers one that is killed in a message holds it up until that is known") {
  const ScratchChannel channel;
  SharedPublisher<Tick> survivor(channel.place(), small_ring());
  HeldChild dying([&](const auto& stay) {
    SharedPublisher<Tick> out(channel.place(), small_ring());
    const auto claim = out.frames().claim(sizeof(Tick), in_seconds(60));
    stay();
    return claim ? 1 : 2;
  });
  REQUIRE(dying.stays());
  SharedSubscriber<Tick> in(channel.place(), from_oldest());
  ring::EventReader events(in.frames().ring());
  std::vector<std::uint64_t> heard;
  CHECK(survivor.publish(tick(1)) == PublishResult::published);
  CHECK(is_idle_soon(in, events));
  dying.kill_and_reap();
  CHECK(read_until(in, events, heard, 1) == frame::ReadResult::empty);
  CHECK(heard == std::vector<std::uint64_t>{1});
}

TEST_CASE("event_reader: a process that is killed with one in its loop holds nobody up") {
  const ScratchChannel channel;
  Publisher<Tick> out(channel.place(), small_ring());
  HeldChild looping([&](const auto& stay) {
    Subscriber<Tick> in(channel.place(), from_oldest());
    ring::EventReader events(in.frames().ring());
    while (is_readable(events, 0)) { // then its thread is the one that waits
      in.poll([](const Tick&) {});
      events.rearm();
    }
    stay();
    return 1;
  });
  REQUIRE(looping.stays());
  PublishResult result = PublishResult::published;
  for (int i = 0; i < 1'000 && result == PublishResult::published; ++i) {
    result = out.try_publish(tick(1));
  }
  CHECK(result == PublishResult::full);
  looping.kill_and_reap();
  for (int i = 0; i < 1'000; ++i) {
    REQUIRE(out.publish(tick(2), in_seconds(60)) == PublishResult::published);
  }
  CHECK(out.readers() == 0);
}
