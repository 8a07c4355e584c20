// One wait over several channels, and deaths on either side of it. // T2, T7

#include "channel_fixture.hpp"
#include "held_child.hpp"

#include "ringfleet/ring/fan_in.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <vector>

using namespace ringfleet;
using namespace ringfleet::channel;
using namespace ringfleet::channel::test;

namespace {

using Numbers = std::vector<std::uint64_t>;

// Publishes 1 and 2, begins with 3, and stays there.
template <class Publisher>
HeldChild begin_third(const memory::Place& place) {
  return HeldChild([&](const auto& stay) {
    Publisher out(place, small_ring());
    (void)out.publish(tick(1));
    (void)out.publish(tick(2));
    const auto claim = out.frames().claim(sizeof(Tick), in_seconds(60));
    stay();
    return claim ? 1 : 2;
  });
}

SubscriberOptions patient() {
  auto options = from_oldest();
  options.wait_for_publisher = std::chrono::seconds(60);
  return options;
}

template <class Subscriber>
frame::ReadResult read(Subscriber& in, Numbers& heard) {
  return in.poll([&](const Tick& got) { heard.push_back(got.number); }).ended;
}

} // namespace

TEST_CASE("fan_in: a publisher that is killed in a message ends its channel, the others go on, and so does its heir") {
  const ScratchChannel living;
  const ScratchChannel ending;
  Publisher<Tick> out(living.place(), small_ring());
  auto dying = begin_third<Publisher<Tick>>(ending.place());
  REQUIRE(dying.stays());
  Subscriber<Tick> first(living.place(), patient());
  Subscriber<Tick> second(ending.place(), patient());
  std::optional<ring::FanIn> wait(std::in_place);
  wait->add(first.frames().ring());
  wait->add(second.frames().ring());
  Numbers heard;
  CHECK(wait->wait(in_seconds(60)).index == 1);
  CHECK(read(second, heard) == frame::ReadResult::empty);
  CHECK(wait->wait(0).result == ring::BarrierResult::timed_out); // what it began is not there
  dying.kill_and_reap();
  for (int again = 0; again < 2; ++again) { // it stays ready
    const auto ready = wait->wait(in_seconds(60));
    CHECK(ready.result == ring::BarrierResult::reached);
    CHECK(ready.index == 1);
    CHECK(read(second, heard) == frame::ReadResult::detached);
  }
  CHECK(heard == Numbers{1, 2});

  wait.emplace();
  wait->add(first.frames().ring());
  CHECK(wait->wait(0).result == ring::BarrierResult::timed_out);
  CHECK(out.publish(tick(10)) == PublishResult::published);
  CHECK(wait->wait(in_seconds(60)).result == ring::BarrierResult::reached);
  CHECK(read(first, heard) == frame::ReadResult::empty);

  Publisher<Tick> heir(ending.place(), small_ring());
  CHECK(heir.publish(tick(3)) == PublishResult::published);
  REQUIRE(second.wait_for_publisher(in_seconds(60)) == WaitResult::ready);
  CHECK(wait->add(second.frames().ring()) == 1);
  CHECK(wait->wait(in_seconds(60)).index == 1);
  CHECK(read(second, heard) == frame::ReadResult::empty);
  CHECK(heard == Numbers{1, 2, 10, 3});
  CHECK(wait->wait(0).result == ring::BarrierResult::timed_out);
}

TEST_CASE("fan_in: one of several publishers that is killed in a message ends nothing; the last one that goes does") {
  const ScratchChannel channel;
  std::optional<SharedPublisher<Tick>> survivor(std::in_place, channel.place(), small_ring());
  auto dying = begin_third<SharedPublisher<Tick>>(channel.place());
  REQUIRE(dying.stays());
  SharedSubscriber<Tick> in(channel.place(), patient());
  ring::FanIn wait;
  wait.add(in.frames().ring());
  Numbers heard;
  CHECK(wait.wait(in_seconds(60)).result == ring::BarrierResult::reached);
  CHECK(read(in, heard) == frame::ReadResult::empty);
  CHECK(survivor->publish(tick(10)) == PublishResult::published);
  CHECK(wait.wait(0).result == ring::BarrierResult::timed_out); // behind what the other one has begun
  dying.kill_and_reap();
  while (heard.size() < 3 && wait.wait(in_seconds(60)).result == ring::BarrierResult::reached) {
    CHECK(read(in, heard) == frame::ReadResult::empty);
  }
  CHECK(heard == Numbers{1, 2, 10});
  survivor.reset();
  CHECK(wait.wait(in_seconds(60)).result == ring::BarrierResult::reached);
  CHECK(read(in, heard) == frame::ReadResult::detached);
}

TEST_CASE("fan_in: whoever waits for several channels and is killed holds up none of them") {
  const ScratchChannel one;
  const ScratchChannel several;
  Publisher<Tick> out(one.place(), small_ring());
  SharedPublisher<Tick> out_of_many(several.place(), small_ring());
  const auto is_full = [](auto& publisher) {
    PublishResult result = PublishResult::published;
    for (int i = 0; i < 1'000 && result == PublishResult::published; ++i) {
      result = publisher.try_publish(tick(1));
    }
    return result == PublishResult::full;
  };
  HeldChild waiting([&](const auto& stay) {
    Subscriber<Tick> first(one.place(), from_oldest());
    SharedSubscriber<Tick> second(several.place(), from_oldest());
    ring::FanIn wait;
    wait.add(first.frames().ring());
    wait.add(second.frames().ring());
    if (wait.wait(deadline_after(monotonic_now(), std::chrono::milliseconds(1))).result !=
        ring::BarrierResult::timed_out) {
      return 1;
    }
    stay(); // its flags are up, as those of one that is killed asleep
    return 2;
  });
  REQUIRE(waiting.stays());
  CHECK(is_full(out));
  CHECK(is_full(out_of_many));
  waiting.kill_and_reap();
  CHECK(out.publish(tick(2), in_seconds(60)) == PublishResult::published);
  CHECK(out_of_many.publish(tick(2), in_seconds(60)) == PublishResult::published);
  CHECK(out.readers() == 0);
  CHECK(out_of_many.readers() == 0);
  CHECK_FALSE(is_full(out));
  CHECK_FALSE(is_full(out_of_many));
}
