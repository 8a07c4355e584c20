// What publishing one message and polling it costs in instructions, counted by single steps: no other load and no other
// machine changes that, so more than 5 % above the kept number is a failure. Both sides are in one thread, nobody
// sleeps, and the line of the other side is never waited for: it is the cost of the code, not of the transfer. Each
// number has one indirect call in it, which is this test's.
//
//   cost_test          compares; 77 where single steps are forbidden, or the kept numbers are another compiler's
//
// When the code has become cheaper, or dearer for a reason, its number in cases() is changed with it.

#include "../channel/channel_fixture.hpp"
#include "../frame/frame_fixture.hpp"
#include "../kill/stepper.hpp"
#include "../ring/shared_fixture.hpp"
#include "ringfleet/ring/lossy_reader.hpp"
#include "ringfleet/ring/producer.hpp"
#include "ringfleet/ring/reader.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

using namespace ringfleet;
using namespace ringfleet::kill;

namespace {

#ifdef COST_IS_JUDGED
constexpr bool is_judged = true;
#else
constexpr bool is_judged = false;
#endif

constexpr std::size_t ring_blocks = 64;
constexpr std::array<std::byte, 40> bytes{}; // of a message that is one block with its header
constexpr ring::JoinOptions unpaced{.from = ring::JoinFrom::oldest, .paced = false}; // pauses are counted by time

struct Tick {
  std::uint64_t number;
  std::uint64_t twice;
};

void must(bool holds) {
  if (!holds) {
    std::abort();
  }
}
std::uint64_t sum = 0; // of all that is read, so that it is used

// One message is published and polled: there is always room, and then a message.
class World {
public:
  virtual ~World() = default;
  virtual void publish() = 0;
  virtual void poll() = 0;
};

template <class Producer, class Reader>
class Slots final : public World {
public:
  Slots(Producer producer, Reader reader) : producer_(std::move(producer)), reader_(std::move(reader)) {}
  void publish() override { must(producer_.try_push(sum) == ring::ClaimResult::claimed); }
  void poll() override {
    must(reader_.poll([](std::uint64_t element) { sum += element + 1; }).count == 1);
  }

private:
  Producer producer_;
  Reader reader_;
};
template <class Producer, class Reader>
class Frames final : public World {
public:
  Frames(Producer producer, Reader reader) : producer_(std::move(producer)), reader_(std::move(reader)) {}
  void publish() override { must(writer_.write(bytes) == frame::WriteResult::written); }
  void poll() override {
    must(frames_.poll([](const frame::View& view) { sum += view.bytes.size(); }).messages == 1);
  }

private:
  Producer producer_;
  Reader reader_;
  frame::FrameWriter<Producer> writer_{producer_};
  frame::FrameReader<Reader> frames_{reader_};
};
template <class Publisher, class Subscriber>
class Channel final : public World {
public:
  explicit Channel(const memory::Place& place) : out_(place), in_(place, options()) {}
  void publish() override { must(out_.try_publish({sum, sum}) == channel::PublishResult::published); }
  void poll() override {
    must(in_.poll([](const Tick& tick) { sum += tick.number + 1; }).messages == 1);
  }

private:
  static channel::SubscriberOptions options() {
    channel::SubscriberOptions options;
    options.from = channel::From::oldest;
    options.paced = false;
    return options;
  }
  Publisher out_;
  Subscriber in_;
};

// Everything that a case needs beside its two ends, and that outlives the child which is stepped.
struct Stage {
  ring::test::TestRing<std::uint64_t> slots{ring_blocks};
  ring::test::SharedTestRing<std::uint64_t> shared_slots{ring_blocks};
  frame::test::FrameRing frames{ring_blocks};
  ring::test::SharedTestRing<frame::FrameBlock> shared_frames{ring_blocks};
  channel::test::ScratchChannel channel;
  channel::test::ScratchChannel shared_channel;
};

template <template <class, class> class World, class Producer, class Reader>
std::unique_ptr<World<Producer, Reader>> world_of(Producer producer, std::optional<Reader> reader) {
  return std::make_unique<World<Producer, Reader>>(std::move(producer), std::move(*reader));
}

struct Case {
  std::string_view what;
  std::uint64_t publish; // instructions, kept
  std::uint64_t poll;
  std::function<std::unique_ptr<World>(Stage&)> make;
};

std::vector<Case> cases() {
  using namespace ring::test;
  using frame::FrameBlock;
  return {
      {"ring, nobody parks", 34, 85,
       [](Stage& stage) -> std::unique_ptr<World> {
         const auto memory = stage.slots.memory();
         return world_of<Slots>(ring::Producer<std::uint64_t>(memory, spins),
                                ring::Reader<std::uint64_t>::join(memory, 0, unpaced, spins));
       }},
      {"ring", 62, 114,
       [](Stage& stage) -> std::unique_ptr<World> {
         const auto memory = stage.slots.memory();
         return world_of<Slots>(ring::Producer<std::uint64_t>(memory, parks_shared),
                                ring::Reader<std::uint64_t>::join(memory, 0, unpaced, parks_shared));
       }},
      {"ring, lossy reader", 62, 60,
       [](Stage& stage) -> std::unique_ptr<World> {
         const auto memory = stage.slots.memory();
         return world_of<Slots>(ring::Producer<std::uint64_t>(memory, parks_shared),
                                ring::LossyReader<std::uint64_t>::join(memory, 0, {}, parks_shared));
       }},
      {"ring of many producers", 111, 238,
       [](Stage& stage) -> std::unique_ptr<World> {
         auto& ring = stage.shared_slots;
         return world_of<Slots>(ring.producer(parks_shared), std::optional(ring.reader(0, unpaced, parks_shared)));
       }},
      {"frames", 185, 203,
       [](Stage& stage) -> std::unique_ptr<World> {
         const auto memory = stage.frames.memory();
         return world_of<Frames>(ring::Producer<FrameBlock>(memory, parks_shared),
                                 ring::Reader<FrameBlock>::join(memory, 0, unpaced, parks_shared));
       }},
      {"frames of many writers", 217, 327,
       [](Stage& stage) -> std::unique_ptr<World> {
         auto& ring = stage.shared_frames;
         return world_of<Frames>(ring.producer(parks_shared), std::optional(ring.reader(0, unpaced, parks_shared)));
       }},
      {"channel", 206, 279,
       [](Stage& stage) -> std::unique_ptr<World> {
         return std::make_unique<Channel<Publisher<Tick>, Subscriber<Tick>>>(stage.channel.place());
       }},
      {"channel of many publishers", 250, 415,
       [](Stage& stage) -> std::unique_ptr<World> {
         return std::make_unique<Channel<SharedPublisher<Tick>, SharedSubscriber<Tick>>>(stage.shared_channel.place());
       }},
  };
}

struct Cost {
  std::uint64_t publish;
  std::uint64_t poll;
};

// Instructions to the next mark; empty: the child has ended.
std::optional<std::uint64_t> steps_to_mark(Stepper& child) {
  for (std::uint64_t steps = 0;; ++steps) {
    switch (child.step()) {
    case Stepper::Stop::stepped: break;
    case Stepper::Stop::marked: return steps;
    case Stepper::Stop::ended: return std::nullopt;
    }
  }
}

// The median of some rounds, after some in which what is done at the beginning was done.
std::optional<Cost> cost_of(const Case& one, Stage& stage) {
  constexpr int unmeasured = 3 * ring_blocks; // rounds, of three marks each
  constexpr int rounds = 33;
  Stepper child([&] {
    const auto world = one.make(stage);
    for (;;) {
      mark();
      world->publish();
      mark();
      world->poll();
      mark();
    }
  });
  for (int i = 0; i < 3 * unmeasured; ++i) {
    if (child.run() != Stepper::Stop::marked) {
      return std::nullopt;
    }
  }
  std::array<std::uint64_t, rounds> publish{};
  std::array<std::uint64_t, rounds> poll{};
  for (int i = 0; i < rounds; ++i) {
    const auto to_begin = steps_to_mark(child);
    const auto published = steps_to_mark(child);
    const auto polled = steps_to_mark(child);
    if (!to_begin || !published || !polled) {
      return std::nullopt;
    }
    publish[static_cast<std::size_t>(i)] = *published;
    poll[static_cast<std::size_t>(i)] = *polled;
  }
  std::ranges::sort(publish);
  std::ranges::sort(poll);
  return Cost{publish[rounds / 2], poll[rounds / 2]};
}

bool is_within(std::uint64_t now, std::uint64_t kept) {
  constexpr std::uint64_t percent_more = 5;
  return now * 100 <= kept * (100 + percent_more);
}

} // namespace

int main() {
  constexpr int skipped = 77;
  if (!may_step()) {
    fmt::print("SKIPPED: single steps are not allowed here\n");
    return skipped;
  }
  Stage stage;
  int failures = 0;
  fmt::print("{:<28}{:>10}{:>8}{:>10}{:>8}   instructions for one message\n", "", "publish", "kept", "poll", "kept");
  for (const auto& one : cases()) {
    const auto cost = cost_of(one, stage);
    if (!cost) {
      fmt::print("{:<28} FAILED: the child ended\n", one.what);
      ++failures;
      continue;
    }
    const bool is_good = !is_judged || (is_within(cost->publish, one.publish) && is_within(cost->poll, one.poll));
    failures += is_good ? 0 : 1;
    fmt::print("{:<28}{:>10}{:>8}{:>10}{:>8}{}\n", one.what, cost->publish, one.publish, cost->poll, one.poll,
               is_good ? "" : "   FAILED: more than 5 % above what is kept");
  }
  if (failures != 0) {
    return 1;
  }
  if (!is_judged) {
    fmt::print("SKIPPED: the kept numbers are those of g++ 12 for x86-64 in a release build\n");
    return skipped;
  }
  return 0;
}
