// Publishers and subscribers of a channel, killed at any time and started again under the same name and id, with a
// ledger: every message that a publisher knows to be published comes once, whole and in order; one that was under way
// comes once or not at all; what a dead reader had in hand comes once more. Of what was lent while a reader was dead,
// and of a message in fragments in which it died, it is told. (T7, T11, T12, T13)

#include "kill_play.hpp"

#include "../scale.hpp"
#include "../seed.hpp"

#include <algorithm>
#include <random>

#include <doctest/doctest.h>

#include <poll.h>

using namespace ringfleet;
using namespace ringfleet::channel;
using namespace ringfleet::channel::test;

namespace {

template <class Publisher, class Subscriber>
void play(memory::Backing backing, unsigned publishers) {
  const ScratchChannel channel(backing);
  const auto seed = ringfleet::test::seed_or(std::random_device{}());
  const auto deaths = ringfleet::test::rounds_or(200 / ringfleet::test::scale_down);
  CAPTURE(seed);
  Play<Publisher, Subscriber> game(channel.place(), publishers, seed);
  for (std::uint64_t died = 0; died < deaths; ++died) {
    game.kill_one();
  }
  // Enough of each kind of message for everybody, whatever the kills left them.
  while (std::ranges::any_of(game.ledger().readers,
                             [](const Reading& reader) { return Atomics::load_acquire(reader.messages) < 2'000; })) {
    ::poll(nullptr, 0, 1);
  }
  game.end();
  std::uint64_t messages = 0;
  std::uint64_t again = 0;
  for (const auto& reader : game.ledger().readers) {
    messages += reader.messages;
    again += reader.again;
  }
  MESSAGE("seed ", seed, ": ", deaths, " deaths, ", messages, " messages read, ", again, " of them again");
  // Nothing is lent any more.
  Publisher heir(channel.place(), publisher_options());
  PublishResult why{};
  CHECK(heir.loan(lendable_max, in_seconds(60), &why));
}

} // namespace

TEST_CASE(
    "channel: publisher and readers killed at any time lose no record, and repeat what was in hand (shared memory)") {
  play<FramePublisher, FrameSubscriber>(memory::Backing::shm, 1);
}

TEST_CASE("channel: publisher and readers killed at any time lose no record, and repeat what was in hand (a file)") {
  play<FramePublisher, FrameSubscriber>(memory::Backing::file, 1);
}

TEST_CASE("channel: two publishers and readers killed at any time lose no record, and repeat what was in hand") {
  play<SharedFramePublisher, SharedFrameSubscriber>(memory::Backing::shm, 2);
}
