// T3: loans of channels with several publishers, each from an arena of its own.

#include "channel_fixture.hpp"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <optional>
#include <thread>

#include <unistd.h>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::channel;
using namespace ringfleet::channel::test;

namespace {

constexpr std::uint64_t arena_bytes = 1 << 16;
constexpr std::uint64_t lendable = arena_bytes - sizeof(frame::ArenaLines);

PublisherOptions lending(std::uint32_t lenders) {
  PublisherOptions options = small_ring();
  options.arena_bytes = arena_bytes;
  options.lenders = lenders;
  return options;
}

PublishResult publish_loan(SharedFramePublisher& out, std::uint64_t bytes, int filling, MonotonicNs deadline = 0) {
  PublishResult why{};
  auto loan = out.loan(bytes, deadline, &why);
  if (!loan) {
    return why;
  }
  std::memset(loan.bytes().data(), filling, loan.bytes().size());
  return out.commit(loan, loan.bytes(), deadline, static_cast<std::uint16_t>(filling));
}

bool is_filled(const frame::View& view, std::uint64_t bytes, int filling) {
  return view.bytes.size() == bytes && view.kind == filling &&
         std::ranges::all_of(view.bytes, [&](std::byte byte) { return byte == static_cast<std::byte>(filling); });
}

template <class S>
std::uint64_t read(S& in, std::uint64_t bytes, int filling) {
  std::uint64_t right = 0;
  in.poll([&](const frame::View& view) { right += is_filled(view, bytes, filling) ? 1 : 0; });
  return right;
}

} // namespace

TEST_CASE("shared channel: publishers lend, each from an arena of its own, and all readers see the same memory") {
  const ScratchChannel channel;
  SharedFramePublisher one(channel.place(), lending(2));
  SharedFramePublisher two(channel.place(), lending(2));
  SharedFrameSubscriber first(channel.place());
  SharedFrameSubscriber second(channel.place());
  SharedLossyFrameSubscriber lossy(channel.place());
  for (int i = 1; i <= 200; ++i) {
    auto& out = i % 2 == 0 ? one : two;
    REQUIRE(publish_loan(out, lendable / 2, i % 100) == PublishResult::published);
    CHECK(read(first, lendable / 2, i % 100) == 1);
    CHECK(read(lossy, lendable / 2, i % 100) == 1);
    CHECK(read(second, lendable / 2, i % 100) == 1);
  }
}

TEST_CASE("shared channel: a loan comes back when every reader has passed it, whoever else publishes") {
  const ScratchChannel channel;
  SharedFramePublisher one(channel.place(), lending(2));
  SharedFramePublisher two(channel.place(), lending(2));
  SharedFrameSubscriber first(channel.place());
  SharedFrameSubscriber second(channel.place());
  REQUIRE(publish_loan(one, lendable, 1) == PublishResult::published);
  REQUIRE(publish_loan(two, lendable, 2) == PublishResult::published);
  CHECK(publish_loan(one, 1, 3) == PublishResult::full);
  CHECK(publish_loan(two, 1, 3) == PublishResult::full);
  CHECK(first.poll([](const frame::View&) {}).messages == 2);
  CHECK(publish_loan(one, 1, 3) == PublishResult::full);
  CHECK(second.poll([](const frame::View&) {}, 1).messages == 1);
  CHECK(publish_loan(two, 1, 3) == PublishResult::full);
  CHECK(publish_loan(one, lendable, 3) == PublishResult::published);
  CHECK(second.poll([](const frame::View&) {}, 1).messages == 1);
  CHECK(publish_loan(two, lendable, 4) == PublishResult::published);
}

TEST_CASE("shared channel: a loan waits for the readers, and so does its commit where the ring is full") {
  const ScratchChannel channel;
  SharedFramePublisher one(channel.place(), lending(1));
  SharedFramePublisher two(channel.place(), small_ring());
  SharedFrameSubscriber in(channel.place());
  REQUIRE(publish_loan(one, lendable, 1) == PublishResult::published);
  std::uint64_t total = 2;
  const std::byte small[1] = {};
  while (two.try_publish(small) == PublishResult::published) {
    ++total;
  }
  std::thread reader([&] {
    for (std::uint64_t seen = 0; seen < total;) {
      if (in.wait(in_seconds(60)) != WaitResult::ready) {
        return;
      }
      seen += in.poll([](const frame::View&) {}, 1).messages;
    }
  });
  CHECK(publish_loan(one, lendable, 2, in_seconds(60)) == PublishResult::published);
  reader.join();

  auto loan = one.loan(lendable, 0);
  REQUIRE(loan);
  while (two.try_publish(small) == PublishResult::published) {
  }
  CHECK(one.commit(loan, loan.bytes(), 0) == PublishResult::full);
  CHECK(one.commit(loan, loan.bytes(), monotonic_now() + 1'000'000) == PublishResult::full);
  std::thread other([&] { (void)in.poll([](const frame::View&) {}, 1); });
  CHECK(one.commit(loan, loan.bytes(), in_seconds(60)) == PublishResult::published);
  other.join();
}

TEST_CASE("shared channel: more lenders than arenas are refused by name, until one ends") {
  const ScratchChannel channel;
  std::optional<SharedFramePublisher> one(std::in_place, channel.place(), lending(2));
  SharedFramePublisher two(channel.place(), lending(2));
  std::string text;
  CHECK(error_of([&] { SharedFramePublisher three(channel.place(), lending(2)); }, &text) == ErrorCode::limit_reached);
  CHECK(text.find("all 2 arenas are held by living publishers") != std::string::npos);
  SharedFramePublisher plain(channel.place(), small_ring()); // it does not ask for one
  CHECK(publish_loan(plain, 1, 1) == PublishResult::no_arena);
  one.reset();
  SharedFramePublisher three(channel.place(), lending(2));
  CHECK(publish_loan(three, lendable, 1) == PublishResult::published);
}

TEST_CASE("shared channel: a larger arena, more arenas than there are, or more than can be, are refused by name") {
  const ScratchChannel channel;
  SharedFramePublisher one(channel.place(), lending(2));
  std::string text;
  auto larger = lending(2);
  larger.arena_bytes *= 2;
  CHECK(error_of([&] { SharedFramePublisher two(channel.place(), larger); }, &text) == ErrorCode::bad_segment);
  CHECK(text.find("arena size is 65536, expected at least 131072") != std::string::npos);
  CHECK(error_of([&] { SharedFramePublisher two(channel.place(), lending(3)); }, &text) == ErrorCode::bad_segment);
  CHECK(text.find("number of arenas is 2, expected at least 3") != std::string::npos);
  const ScratchChannel another;
  CHECK(error_of([&] { SharedFramePublisher two(another.place(), lending(17)); }, &text) == ErrorCode::limit_reached);
  CHECK(text.find("lenders is 17, expected 1 to 16") != std::string::npos);
}

TEST_CASE("shared channel: of a publisher that was killed what it had published stays, and its arena is lent from "
          "again when that is read (fault 3)") {
  const ScratchChannel channel;
  SharedFramePublisher keeper(channel.place(), lending(2)); // holds the first arena
  SharedFrameSubscriber in(channel.place());
  const auto child = fork_child([&] {
    SharedFramePublisher out(channel.place(), lending(2));
    if (publish_loan(out, lendable / 2, 7) != PublishResult::published) {
      return 1;
    }
    auto open = out.loan(1'000, 0); // never published
    return open ? ::kill(::getpid(), SIGKILL) : 1;
  });
  const auto status = wait_for_child(child);
  REQUIRE((status.signalled && status.code == SIGKILL));

  SharedFramePublisher heir(channel.place(), lending(2));
  CHECK(publish_loan(heir, 1, 8) == PublishResult::full);
  CHECK(read(in, lendable / 2, 7) == 1);
  CHECK(publish_loan(heir, lendable, 8) == PublishResult::published);
  CHECK(read(in, lendable, 8) == 1);
}

TEST_CASE("shared channel: a channel that all its publishers have left is continued with all arenas free") {
  const ScratchChannel channel(memory::Backing::file);
  SharedFrameSubscriber in = [&] {
    SharedFramePublisher one(channel.place(), lending(2));
    SharedFrameSubscriber reader(channel.place());
    REQUIRE(publish_loan(one, lendable, 5) == PublishResult::published);
    return reader;
  }();
  const auto child = fork_child([&] {
    SharedFramePublisher one(channel.place(), lending(2));
    SharedFramePublisher two(channel.place(), lending(2));
    return ::kill(::getpid(), SIGKILL);
  });
  (void)wait_for_child(child);
  SharedFramePublisher one(channel.place(), lending(2));
  SharedFramePublisher two(channel.place(), lending(2));
  CHECK(read(in, lendable, 5) == 1);
  CHECK(publish_loan(one, lendable, 6) == PublishResult::published);
  CHECK(publish_loan(two, lendable, 6) == PublishResult::published);
  CHECK(read(in, lendable, 6) == 2);
}
