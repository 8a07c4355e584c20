// One of several publishers dies inside a message: what the others publish behind it is read as soon as the death is
// known, whoever of them came first and however little they publish. // T13

#include "channel_fixture.hpp"
#include "held_child.hpp"

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::channel;
using namespace ringfleet::channel::test;

namespace {

// Publishes one, begins with another, and stays there.
HeldChild begin_message(const memory::Place& place) {
  return HeldChild([&](const auto& stay) {
    SharedPublisher<Tick> out(place, small_ring());
    (void)out.publish(tick(100));
    const auto claim = out.frames().claim(sizeof(Tick), in_seconds(60));
    stay();
    return claim ? 1 : 2;
  });
}

} // namespace

TEST_CASE("channel: a publisher that came first and never waited goes on behind one that died in a message (2p1c)") {
  for (const bool is_known_before : {false, true}) {
    CAPTURE(is_known_before);
    const ScratchChannel channel;
    SharedPublisher<Tick> out(channel.place(), small_ring());
    SharedSubscriber<Tick> in(channel.place(), from_oldest());
    auto dying = begin_message(channel.place());
    REQUIRE(dying.stays());
    if (!is_known_before) { // it is dead before anybody has looked at it
      dying.kill_and_reap();
    }
    CHECK(out.publish(tick(1)) == PublishResult::published);
    if (is_known_before) { // it lives while somebody publishes behind it
      dying.kill_and_reap();
    }
    std::vector<std::uint64_t> heard;
    while (heard.size() < 2 && in.wait(in_seconds(60)) == WaitResult::ready) {
      in.poll([&](const Tick& got) { heard.push_back(got.number); });
    }
    CHECK(heard == std::vector<std::uint64_t>{100, 1});
  }
}
