// The place of a reader with an id, whose process is killed at any system call of its end: what it had released does
// not come again, and what it had not released comes; what it was told it missed is told once. (T7, T11)

#include "../os/killed_child.hpp"
#include "channel_fixture.hpp"
#include "held_child.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::channel;
using namespace ringfleet::channel::test;

namespace {

constexpr std::size_t longer_than_the_ring = 6'000;

// Joins as "worker", does `work` with what it is, and is killed. False: it did not see what it had to see.
template <class Work>
bool worker_that_is_killed(const ScratchChannel& channel, Work work) {
  HeldChild worker([&](const auto& stay) {
    FrameSubscriber in(channel.place(), from_oldest("worker"));
    if (work(in)) {
      stay();
    }
    return 1;
  });
  const bool has_seen_it = worker.stays();
  worker.kill_and_reap();
  return has_seen_it;
}
bool brings_nothing_but_word(FrameSubscriber& in) {
  return in.is_resumed() && in.poll([](const frame::View&) {}).messages == 0 && in.missed() != 0;
}

} // namespace

TEST_CASE("channel: a reader that is killed at any system call of its end comes back where it was") {
  const ScratchChannel channel;
  Publisher<Tick> out(channel.place(), small_ring());
  for (std::uint64_t number = 0; number < 10; ++number) {
    REQUIRE(out.publish(tick(number)) == PublishResult::published);
  }
  int kills = 0;
  const auto reader_of_four = [&] {
    Subscriber<Tick> in(channel.place(), from_oldest("worker"));
    (void)in.poll([](const Tick&) {}, 4);
    return in;
  };
  const auto end = [](Subscriber<Tick>& in) { const auto ended = std::move(in); };
  while (ringfleet::test::kill_at_system_call(kills + 1, reader_of_four, end)) {
    ++kills;
    CAPTURE(kills);
    Subscriber<Tick> back(channel.place(), from_oldest("worker"));
    CHECK(back.is_resumed());
    std::optional<std::uint64_t> first;
    back.poll([&](const Tick& got) { first = first.value_or(got.number); });
    CHECK(first.value_or(0) == 4);
    back.leave();
  }
  CHECK((kills > 5 || !ringfleet::test::can_trace));
}

TEST_CASE("channel: what a reader missed is told to the one that passes it, which may die with that") {
  const ScratchChannel channel;
  FramePublisher out(channel.place(), small_ring());
  REQUIRE(worker_that_is_killed(channel, [](FrameSubscriber&) { return true; }));
  out.check_readers();
  const std::vector<std::byte> message(longer_than_the_ring);
  REQUIRE(out.publish(message, in_seconds(60)) == PublishResult::published); // nobody is there to wait for

  SUBCASE("who has not looked leaves it to its heir") {
    REQUIRE(worker_that_is_killed(channel, [](FrameSubscriber& in) { return in.is_resumed() && in.missed() != 0; }));
    FrameSubscriber heir(channel.place(), from_oldest("worker"));
    const auto overwritten = heir.missed();
    CHECK(overwritten != 0);
    CHECK(brings_nothing_but_word(heir));
    CHECK(heir.missed() > overwritten); // by the fragments that were still there
  }
  SUBCASE("who has passed it was told in that poll, and its heir is not") {
    REQUIRE(worker_that_is_killed(channel, brings_nothing_but_word));
    FrameSubscriber heir(channel.place(), from_oldest("worker"));
    CHECK(heir.is_resumed());
    CHECK(heir.poll([](const frame::View&) {}).messages == 0);
    CHECK(heir.missed() == 0);
    CHECK(out.publish(std::span(message).first(40), in_seconds(60)) == PublishResult::published);
    CHECK(heir.poll([](const frame::View&) {}).messages == 1);
  }
}
