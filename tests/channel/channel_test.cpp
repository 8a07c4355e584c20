// Publisher<T> and Subscriber<T> by name: what arrives, from where on, and what a user is told. // T4, T5, T6, T8

#include "../misuse.hpp"
#include "channel_fixture.hpp"
#include "ringfleet/base/poison.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

using namespace ringfleet;
using namespace ringfleet::channel;
using namespace ringfleet::channel::test;

namespace {

std::vector<std::uint64_t> numbers_of(Subscriber<Tick>& in) {
  std::vector<std::uint64_t> numbers;
  in.poll([&](const Tick& got) {
    CHECK(got.twice == 2 * got.number);
    numbers.push_back(got.number);
  });
  return numbers;
}

} // namespace

TEST_CASE("channel: what is published arrives, in order, at every subscriber") {
  for (const auto backing : {memory::Backing::shm, memory::Backing::file}) {
    const ScratchChannel channel(backing);
    Publisher<Tick> out(channel.place());
    Subscriber<Tick> first(channel.place());
    Subscriber<Tick> second(channel.place());
    for (std::uint64_t i = 0; i < 3; ++i) {
      CHECK(out.publish(tick(i)) == PublishResult::published);
    }
    CHECK(numbers_of(first) == std::vector<std::uint64_t>{0, 1, 2});
    CHECK(numbers_of(second) == std::vector<std::uint64_t>{0, 1, 2});
    CHECK(numbers_of(first).empty());
    CHECK(out.readers() == 2);
  }
}

TEST_CASE("channel: threads of one process share a channel without a name") {
  const ScratchChannel directory; // for the counters
  Publisher<Tick> out(memory::Place::heap());
  Subscriber<Tick> in(out.frames().space().share());
  constexpr std::uint64_t count = 20'000;
  std::thread reader([&] {
    std::uint64_t next = 0;
    while (next != count && in.wait(in_seconds(60)) == WaitResult::ready) {
      in.poll([&](const Tick& got) { next += got.number == next ? 1 : 0; });
    }
    CHECK(next == count);
  });
  for (std::uint64_t i = 0; i < count; ++i) {
    REQUIRE(out.publish(tick(i), in_seconds(60)) == PublishResult::published);
  }
  reader.join();
}

TEST_CASE("channel: an object is built in the ring and seen there: nothing is copied") { // T5
  const ScratchChannel channel;
  Publisher<Tick> out(channel.place());
  Subscriber<Tick> in(channel.place());
  const Tick* written = nullptr;
  CHECK(out.emplace([&](Tick& built) {
    built = tick(7);
    written = &built;
  }) == PublishResult::published);
  const auto lies_in = [](const Tick* object, std::span<const std::byte> memory) {
    const auto* bytes = reinterpret_cast<const std::byte*>(object);
    return bytes >= memory.data() && bytes + sizeof(Tick) <= memory.data() + memory.size();
  };
  CHECK(lies_in(written, out.frames().space().units()));
  const Tick* seen = nullptr;
  in.poll([&](const Tick& got) { seen = &got; });
  REQUIRE(seen != nullptr);
  CHECK(lies_in(seen, in.frames().space().units()));
}

TEST_CASE("channel: a fill that throws publishes nothing and harms nothing that comes later") {
  const ScratchChannel channel;
  Publisher<Tick> out(channel.place());
  Subscriber<Tick> in(channel.place());
  CHECK_THROWS_AS((void)out.emplace([](Tick&) { throw 1; }), int);
  CHECK(out.publish(tick(5)) == PublishResult::published);
  CHECK(numbers_of(in) == std::vector<std::uint64_t>{5});
}

TEST_CASE("channel: a newcomer begins at latest, at oldest, or where it says") { // T8
  const ScratchChannel channel;
  Publisher<Tick> out(channel.place());
  for (std::uint64_t i = 0; i < 4; ++i) {
    REQUIRE(out.publish(tick(i)) == PublishResult::published);
  }
  Subscriber<Tick> latest(channel.place());
  Subscriber<Tick> oldest(channel.place(), from_oldest());
  SubscriberOptions third = from_oldest();
  third.from = From::sequence;
  third.position = 2;
  Subscriber<Tick> sequence(channel.place(), third);
  CHECK(numbers_of(latest).empty());
  CHECK(numbers_of(oldest) == std::vector<std::uint64_t>{0, 1, 2, 3});
  CHECK(numbers_of(sequence) == std::vector<std::uint64_t>{2, 3});
  third.position = 1'000;
  std::string text;
  CHECK(error_of([&] { Subscriber<Tick> future(channel.place(), third); }, &text) == ErrorCode::invalid_argument);
  CHECK(text.find("position 1000") != std::string::npos);
}

TEST_CASE("channel: a full ring refuses at once, or waits until the reader has read") { // fault 38
  const ScratchChannel channel;
  Publisher<Tick> out(channel.place(), small_ring());
  Subscriber<Tick> in(channel.place());
  std::uint64_t published = 0;
  while (out.try_publish(tick(published)) == PublishResult::published) {
    ++published;
  }
  CHECK(published == 64);
  CHECK(out.try_publish(tick(0)) == PublishResult::full);
  CHECK(out.publish(tick(0), deadline_after(monotonic_now(), std::chrono::milliseconds(1))) == PublishResult::full);
  std::thread writer([&] { CHECK(out.publish(tick(published), in_seconds(60)) == PublishResult::published); });
  std::uint64_t read = 0;
  while (read != published + 1 && in.wait(in_seconds(60)) == WaitResult::ready) {
    in.poll([&](const Tick& got) { read += got.number == read ? 1 : 0; }, 8);
  }
  writer.join();
  CHECK(read == published + 1);
}

TEST_CASE("channel: a waiting publisher and a waiting subscriber are stopped by another thread") { // T14
  const ScratchChannel channel;
  Publisher<Tick> out(channel.place(), small_ring());
  Subscriber<Tick> in(channel.place());
  std::thread reader([&] { CHECK(in.wait() == WaitResult::stopped); });
  in.stop();
  reader.join();
  while (out.try_publish(tick(0)) == PublishResult::published) {
  }
  std::thread writer([&] { CHECK(out.publish(tick(0)) == PublishResult::stopped); });
  out.stop();
  writer.join();
}

TEST_CASE("channel: messages of any size: in one record, in fragments, in the arena") { // T3
  const ScratchChannel channel;
  PublisherOptions options;
  options.ring_bytes = 64 << 10;
  options.arena_bytes = 8 << 20;
  FramePublisher out(channel.place(), options);
  FrameSubscriber in(channel.place());
  std::vector<std::byte> big(48 << 10);
  for (std::size_t i = 0; i < big.size(); ++i) {
    big[i] = static_cast<std::byte>(i % 251);
  }
  std::vector<std::size_t> got;
  const auto take = [&](const frame::View& view) {
    got.push_back(view.bytes.size());
    CHECK(std::memcmp(view.bytes.data(), big.data(), std::min(view.bytes.size(), big.size())) == 0);
  };
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, std::size_t{48}, std::size_t{49}, big.size()}) {
    REQUIRE(out.publish(std::span(big).first(bytes)) == PublishResult::published);
    in.poll(take);
  }
  auto loan = out.loan(4 << 20);
  REQUIRE(loan);
  std::memcpy(loan.bytes().data(), big.data(), big.size());
  CHECK(out.commit(loan, loan.bytes()) == PublishResult::published);
  in.poll(take);
  CHECK(got == std::vector<std::size_t>{0, 1, 48, 49, big.size(), 4 << 20});
  CHECK(out.loan(9 << 20).result() == frame::WriteResult::too_large);
  CHECK(out.publish(std::vector<std::byte>(limits::message_bytes_max_default + 1)) == PublishResult::too_large);
}

TEST_CASE("channel: loans wait for the reader that still sees the memory, and reuse it then") {
  const ScratchChannel channel;
  PublisherOptions options;
  options.arena_bytes = 1 << 20;
  FramePublisher out(channel.place(), options);
  FrameSubscriber in(channel.place());
  constexpr int rounds = 50;
  std::thread reader([&] {
    for (int seen = 0; seen < rounds && in.wait(in_seconds(60)) == WaitResult::ready;) {
      in.poll([&](const frame::View& view) {
        CHECK(view.bytes.front() == static_cast<std::byte>(seen));
        CHECK(view.bytes.back() == static_cast<std::byte>(seen));
        ++seen;
      });
    }
  });
  for (int i = 0; i < rounds; ++i) {
    auto loan = out.loan(400 << 10, in_seconds(60));
    REQUIRE(loan);
    loan.bytes().front() = loan.bytes().back() = static_cast<std::byte>(i);
    REQUIRE(out.commit(loan, loan.bytes()) == PublishResult::published);
  }
  reader.join();
}

TEST_CASE("channel: a message that does not decode is skipped, counted and reported") { // T4
  const ScratchChannel channel;
  PublisherOptions same_schema;
  same_schema.fingerprint = codec::fingerprint_of<Tick>();
  FramePublisher out(channel.place(), same_schema);
  std::size_t reported = 0;
  SubscriberOptions options;
  options.on_undecodable = [&](std::span<const std::byte> bytes) { reported = bytes.size(); };
  Subscriber<Tick> in(channel.place(), options);
  const std::array<std::byte, 3> nonsense{};
  REQUIRE(out.publish(nonsense) == PublishResult::published);
  const auto good = tick(9);
  REQUIRE(out.publish(std::as_bytes(std::span(&good, 1))) == PublishResult::published);
  CHECK(numbers_of(in) == std::vector<std::uint64_t>{9});
  CHECK(in.undecodable() == 1);
  CHECK(reported == 3);
}

TEST_CASE("channel: another type, a second publisher, a missing channel: each refused by name") { // T15
  const ScratchChannel channel;
  std::string text;
  CHECK(error_of([&] { Subscriber<Tick> in(channel.place()); }, &text) == ErrorCode::not_found);
  Publisher<Tick> out(channel.place());
  struct Other {
    std::uint64_t a, b;
  };
  CHECK(error_of([&] { Subscriber<Other> in(channel.place()); }, &text) == ErrorCode::bad_segment);
  CHECK(text.find("fingerprint") != std::string::npos);
  CHECK(error_of([&] { Publisher<Tick> again(channel.place()); }, &text) == ErrorCode::already_exists);
  CHECK(text.find(std::to_string(::getpid())) != std::string::npos);
  const Subscriber<Tick> mine(channel.place(), from_oldest("risk"));
  CHECK(error_of([&] { Subscriber<Tick> twice(channel.place(), from_oldest("risk")); }, &text) ==
        ErrorCode::already_exists);
}

TEST_CASE("channel: an end that is assigned over leaves what it held") {
  const ScratchChannel one;
  const ScratchChannel two;
  Publisher<Tick> out(one.place());
  Subscriber<Tick> in(one.place());
  Publisher<Tick> other(two.place());
  CHECK(out.readers() == 1);
  in = Subscriber<Tick>(two.place());
  CHECK(out.readers() == 0);
  out = std::move(other);
  Publisher<Tick> again(one.place()); // the name is free
  CHECK(out.publish(tick(1)) == PublishResult::published);
  CHECK(numbers_of(in) == std::vector<std::uint64_t>{1});
}

#if defined(RINGFLEET_POISONS)
TEST_CASE("channel: under AddressSanitizer a view or a claim that is used when it is over ends the program, unasked") {
  const ScratchChannel channel;
  const auto viewed = ringfleet::test::last_words_of([&] {
    FramePublisher out(channel.place());
    FrameSubscriber in(channel.place());
    (void)out.publish(std::as_bytes(std::span("something")));
    const std::byte* kept = nullptr;
    (void)in.poll([&](const frame::View& view) { kept = view.bytes.data(); });
    ::_exit(static_cast<int>(*kept));
  });
  CHECK(viewed.find("use-after-poison") != std::string::npos);
  const auto claimed = ringfleet::test::last_words_of([&] {
    FramePublisher out(channel.place());
    (void)out.wait_for_readers(0, 0); // no way to the memory
    auto claim = out.claim(10);
    auto* const kept = claim.bytes().data();
    (void)out.commit(claim, claim.bytes());
    *kept = std::byte{1};
  });
  CHECK(claimed.find("use-after-poison") != std::string::npos);
}

TEST_CASE("channel: so it does on a ring of many publishers, beside others of the same process") {
  const ScratchChannel channel;
  const auto viewed = ringfleet::test::last_words_of([&] {
    SharedFramePublisher out(channel.place());
    SharedFramePublisher other(channel.place());
    SharedFrameSubscriber in(channel.place());
    SharedFrameSubscriber also_in(channel.place());
    (void)out.publish(std::as_bytes(std::span("something")));
    (void)other.publish(std::as_bytes(std::span("more")));
    std::uint64_t messages = also_in.poll([](const frame::View& view) { (void)view.bytes.back(); }).messages;
    const std::byte* kept = nullptr;
    messages += in.poll([&](const frame::View& view) { kept = view.bytes.data(); }).messages;
    if (messages == 4) {
      ::_exit(static_cast<int>(*kept));
    }
  });
  CHECK(viewed.find("use-after-poison") != std::string::npos);
}

TEST_CASE("channel: who asks for the memory of an end may look at all of it, and the end goes on") {
  const ScratchChannel channel;
  FramePublisher out(channel.place());
  FrameSubscriber in(channel.place());
  std::uint64_t sum = 0;
  for (int round = 0; round < 2; ++round) {
    (void)out.publish(std::as_bytes(std::span("something")));
    for (const auto* const space : {&out.space(), &in.space()}) {
      for (const auto byte : space->units()) {
        sum += static_cast<std::uint64_t>(byte);
      }
    }
    CHECK(in.poll([&](const frame::View& view) { sum += view.bytes.size(); }).messages == 1);
  }
  CHECK(sum != 0);
}
#endif
