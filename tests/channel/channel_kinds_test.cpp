// Channels with many publishers, and readers that may be lapped. // T2, T9, T13

#include "channel_fixture.hpp"

#include "../scale.hpp"

#include <doctest/doctest.h>

#include <array>
#include <csignal>
#include <cstring>
#include <optional>
#include <random>
#include <thread>
#include <vector>

using namespace ringfleet;
using namespace ringfleet::channel;
using namespace ringfleet::channel::test;

namespace {

constexpr unsigned publishers = 3;

// One of several publishers; `stream` in the high half of the number.
[[nodiscard]] Tick tick_of(std::uint64_t stream, std::uint64_t number) {
  return tick(stream << 32 | number);
}

} // namespace

TEST_CASE("shared channel: several processes publish; every reader gets all of it, each stream in order") { // T2
  const ScratchChannel channel;
  constexpr std::uint64_t count = 2'000;
  SharedPublisher<Tick> first(channel.place(), small_ring());
  SharedSubscriber<Tick> in(channel.place());
  SharedSubscriber<Tick> other(channel.place());
  std::array<pid_t, publishers> children{};
  for (unsigned stream = 0; stream < publishers; ++stream) {
    children[stream] = fork_child([&] {
      SharedPublisher<Tick> out(channel.place(), small_ring());
      for (std::uint64_t i = 0; i < count; ++i) {
        if (out.publish(tick_of(stream, i)) != PublishResult::published) {
          return 1;
        }
      }
      return 0;
    });
  }
  std::vector<std::uint64_t> order;
  std::vector<std::uint64_t> order_of_other;
  while (order.size() < publishers * count || order_of_other.size() < publishers * count) {
    REQUIRE(in.wait(deadline_after(monotonic_now(), std::chrono::milliseconds(1))) != WaitResult::evicted);
    in.poll([&](const Tick& got) { order.push_back(got.number); });
    other.poll([&](const Tick& got) { order_of_other.push_back(got.number); });
  }
  CHECK(order == order_of_other);
  std::array<std::uint64_t, publishers> next{};
  std::uint64_t wrong = 0;
  for (const auto number : order) {
    wrong += (number & 0xffff'ffffU) == next[number >> 32]++ ? 0 : 1;
  }
  CHECK(wrong == 0);
  for (const auto child : children) {
    CHECK(wait_for_child(child).code == 0);
  }
}

TEST_CASE("shared channel: publishers killed at random stop nobody, and leave only whole messages in order") { // T13
  const ScratchChannel channel;
  SharedPublisher<Tick> keeper(channel.place(), small_ring()); // so that somebody survives
  SharedSubscriber<Tick> in(channel.place());
  std::mt19937 random(7);
  std::array<std::uint64_t, publishers> next{};
  std::uint64_t wrong = 0;
  const auto take = [&](const Tick& got) {
    const auto stream = got.number >> 32;
    const auto number = got.number & 0xffff'ffffU;
    // A new incarnation begins anew at 0.
    wrong += got.twice == 2 * got.number && (number == next[stream] || number == 0) ? 0 : 1;
    next[stream] = number + 1;
  };
  const auto start = [&](std::uint64_t stream) {
    return fork_child([&] {
      SharedPublisher<Tick> out(channel.place(), small_ring());
      for (std::uint64_t i = 0;; ++i) {
        if (out.publish(tick_of(stream, i)) != PublishResult::published) {
          return 1;
        }
      }
    });
  };
  std::array<pid_t, publishers> children{};
  for (unsigned stream = 0; stream < publishers; ++stream) {
    children[stream] = start(stream);
  }
  const unsigned rounds = ringfleet::test::scale_down == 1 ? 60 : 6;
  for (unsigned round = 0; round < rounds; ++round) {
    std::uint64_t read = 0;
    const auto enough = random() % 500;
    while (read < enough) {
      REQUIRE(in.wait(in_seconds(60)) == WaitResult::ready);
      read += in.poll(take).messages;
    }
    const auto victim = random() % publishers;
    ::kill(children[victim], SIGKILL);
    wait_for_child(children[victim]);
    children[victim] = start(victim);
  }
  for (const auto child : children) {
    ::kill(child, SIGKILL);
    wait_for_child(child);
  }
  CHECK(wrong == 0);
  const auto give_up = in_seconds(60);
  while (keeper.try_publish(tick_of(0, 0)) != PublishResult::published && monotonic_now() < give_up) {
    in.poll(take); // the ring may be full of what the dead have left
  }
  CHECK(monotonic_now() < give_up);
}

TEST_CASE("shared channel: when the last publisher goes, readers are told") {
  const ScratchChannel channel;
  std::optional<SharedPublisher<Tick>> one(channel.place());
  std::optional<SharedPublisher<Tick>> two(channel.place());
  SharedSubscriber<Tick> in(channel.place());
  CHECK(one->publish(tick(1)) == PublishResult::published);
  one.reset();
  CHECK(two->publish(tick(2)) == PublishResult::published);
  two.reset();
  std::uint64_t count = 0;
  CHECK(in.run([&](const Tick&) { ++count; }) == WaitResult::detached);
  CHECK(count == 2);
}

TEST_CASE("shared channel: when its maker has died, whoever waits for a publisher has the others") { // T12, fault 44
  const ScratchChannel channel;
  const pid_t maker = fork_child([&] {
    const SharedPublisher<Tick> out(channel.place(), small_ring());
    for (;;) {
      ::pause();
    }
    return 0;
  });
  SubscriberOptions options = from_oldest();
  options.wait_for_publisher = std::chrono::seconds(20);
  {
    const SharedSubscriber<Tick> there(channel.place(), options); // so that it is the maker's
  }
  SharedPublisher<Tick> other(channel.place(), small_ring());
  ::kill(maker, SIGKILL);
  wait_for_child(maker);
  SharedSubscriber<Tick> in(channel.place(), options);
  CHECK(other.publish(tick(1)) == PublishResult::published);
  CHECK(in.poll([](const Tick&) {}).messages == 1);
}

TEST_CASE("shared channel: a subscriber for one publisher is refused by name") { // T15
  const ScratchChannel channel;
  std::string text;
  SharedPublisher<Tick> out(channel.place());
  CHECK(error_of([&] { Subscriber<Tick> in(channel.place()); }, &text) != ErrorCode{});
  CHECK(text.find("many") != std::string::npos);
}

TEST_CASE("lossy subscriber: it never holds the publisher back, and is told what it missed") { // T9
  const ScratchChannel channel;
  Publisher<Tick> out(channel.place(), small_ring());
  LossySubscriber<Tick> in(channel.place());
  for (std::uint64_t i = 0; i < 1'000; ++i) {
    REQUIRE(out.try_publish(tick(i)) == PublishResult::published);
  }
  std::uint64_t read = 0;
  std::uint64_t last = 0;
  const auto take = [&](const Tick& got) {
    CHECK(got.twice == 2 * got.number);
    last = got.number;
    ++read;
  };
  CHECK(in.poll(take).ended == frame::ReadResult::lapped);
  while (in.poll(take).messages != 0) {
  }
  CHECK(last == 999);
  CHECK(read + in.missed() == 1'000); // each takes one block
}

TEST_CASE("lossy subscriber: of a channel with several publishers, it holds up none of them") { // T9
  const ScratchChannel channel;
  SharedPublisher<Tick> one(channel.place(), small_ring());
  std::optional<SharedPublisher<Tick>> two(std::in_place, channel.place(), small_ring());
  SharedLossySubscriber<Tick> in(channel.place(), {.id = "lossy"});
  for (std::uint64_t i = 0; i < 1'000; ++i) {
    REQUIRE(one.try_publish(tick_of(0, i)) == PublishResult::published);
    REQUIRE(two->try_publish(tick_of(1, i)) == PublishResult::published);
  }
  std::uint64_t read = 0;
  std::array<std::uint64_t, 2> last{};
  const auto take = [&](const Tick& got) {
    CHECK(got.twice == 2 * got.number);
    last[got.number >> 32] = got.number & 0xffff'ffffU;
    ++read;
  };
  CHECK(in.poll(take).ended == frame::ReadResult::lapped);
  while (in.poll(take).messages != 0) {
  }
  CHECK(last == std::array<std::uint64_t, 2>{999, 999});
  CHECK(read + in.missed() == 2'000); // each takes one block
  two.reset();
  const auto published = one.publish(tick_of(0, 1'000));
  CHECK(published == PublishResult::published);
  CHECK(in.wait(in_seconds(60)) == WaitResult::ready);
  CHECK(in.poll(take).messages == 1);
}

TEST_CASE("lossy subscriber: of a channel with several publishers, whole messages, and an end when the last is gone") {
  const ScratchChannel channel;
  SharedFramePublisher keeper(channel.place(), small_ring());
  constexpr std::uint64_t enough = 5'000 / ringfleet::test::scale_down;
  const pid_t reader = fork_child([&] {
    SharedLossyFrameSubscriber far(channel.place());
    std::uint64_t torn = 0;
    for (std::uint64_t read = 0; read < enough;) {
      if (far.wait(in_seconds(60)) != WaitResult::ready) {
        return 2;
      }
      read += far.poll([&](const frame::View& view) {
                   for (const auto byte : view.bytes) {
                     torn += byte == view.bytes.front() ? 0 : 1;
                   }
                 })
                  .messages;
    }
    return torn == 0 ? 0 : 1;
  });
  const auto publish = [&](unsigned stream) {
    return fork_child([&] {
      SharedFramePublisher out(channel.place(), small_ring());
      std::vector<std::byte> bytes(2'000); // some in fragments
      for (std::uint64_t i = 0;; ++i) {
        std::fill(bytes.begin(), bytes.end(), static_cast<std::byte>(i + stream));
        (void)out.try_publish(std::span(bytes).first(1 + i * 37 % bytes.size()));
      }
      return 0;
    });
  };
  const std::array<pid_t, 2> writers{publish(0), publish(1)};
  CHECK(wait_for_child(reader).code == 0);
  SharedLossyFrameSubscriber in(channel.place());
  for (const auto writer : writers) {
    ::kill(writer, SIGKILL);
    wait_for_child(writer);
  }
  {
    SharedFramePublisher gone(std::move(keeper));
  }
  WaitResult waited = WaitResult::ready;
  while (waited == WaitResult::ready) {
    in.poll([](const frame::View&) {});
    waited = in.wait(in_seconds(60));
  }
  CHECK(waited == WaitResult::detached);
}

TEST_CASE("lossy subscriber: whatever the speed of the publisher, what it gets is whole") { // T9
  const ScratchChannel channel;
  PublisherOptions options = small_ring();
  options.arena_bytes = 1 << 16;
  FramePublisher out(channel.place(), options);
  LossyFrameSubscriber in(channel.place());
  const pid_t reader_of_all = fork_child([&] {
    LossyFrameSubscriber far(channel.place());
    std::uint64_t torn = 0;
    for (std::uint64_t read = 0; read < 20'000 / ringfleet::test::scale_down;) {
      if (far.wait(in_seconds(60)) != WaitResult::ready) {
        return 2;
      }
      read += far.poll([&](const frame::View& view) {
                   for (const auto byte : view.bytes) {
                     torn += byte == view.bytes.front() ? 0 : 1;
                   }
                 })
                  .messages;
    }
    return torn == 0 ? 0 : 1;
  });
  std::array<std::byte, 300> bytes{};
  int status = 0;
  for (std::uint64_t i = 0; ::waitpid(reader_of_all, &status, WNOHANG) == 0; ++i) {
    bytes.fill(static_cast<std::byte>(i));
    REQUIRE(out.try_publish(std::span(bytes).first(1 + i % bytes.size())) == PublishResult::published);
    if (i % 16 == 0) {
      if (auto loan = out.loan(500, 0)) {
        std::memset(loan.bytes().data(), static_cast<int>(i & 0xff), loan.bytes().size());
        REQUIRE(out.commit(loan, loan.bytes(), 0) == PublishResult::published);
      }
    }
  }
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}
