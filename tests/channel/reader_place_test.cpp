// The place of a reader with an id, whose process is killed at any system call of its end: what it had released does
// not come again, and what it had not released comes. (T7, T11)

#include "../os/killed_child.hpp"
#include "channel_fixture.hpp"

#include <optional>
#include <utility>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::channel;
using namespace ringfleet::channel::test;

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
