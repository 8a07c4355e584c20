// What publishing and reading may cost once a channel is warm: no memory and no system call. // T1, T5, T18

#include "channel_fixture.hpp"

#include "../allocations.hpp"
#include "../os/no_system_calls.hpp"
#include "../scale.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <thread>

using namespace ringfleet;
using namespace ringfleet::channel;
using namespace ringfleet::channel::test;

namespace {

// One message by copy, one in place, and whatever is there is read. Anything but 0 is wrong.
template <class Out, class In>
std::uint64_t exchange(Out& out, In& in, std::uint64_t number) {
  std::uint64_t wrong = 0;
  wrong += out.publish(tick(number)) != PublishResult::published;
  wrong += out.emplace([&](Tick& built) { built = tick(number + 1); }) != PublishResult::published;
  std::uint64_t got = 0;
  while (in.poll([&](const Tick& seen) { wrong += seen.number != number + got++; }).messages != 0) {
  }
  return wrong + (got != 2);
}

} // namespace

TEST_CASE("channel: publishing and reading ask for no memory, with one publisher and with many") {
  const ScratchChannel one;
  Publisher<Tick> out(one.place(), small_ring());
  Subscriber<Tick> in(one.place());
  const ScratchChannel many;
  SharedPublisher<Tick> shared_out(many.place(), small_ring());
  SharedSubscriber<Tick> shared_in(many.place());
  std::uint64_t wrong = 0;
  const auto before = ringfleet::test::allocations();
  for (std::uint64_t i = 0; i < 10'000 / ringfleet::test::scale_down; ++i) {
    wrong += exchange(out, in, 2 * i);
    wrong += exchange(shared_out, shared_in, 2 * i);
  }
  CHECK(ringfleet::test::allocations() == before);
  CHECK(wrong == 0);
}

namespace {

// Five messages, read by one poll: as a reader that never finds nothing meets them.
std::uint64_t flow(Publisher<Tick>& out, Subscriber<Tick>& in, std::uint64_t number) {
  std::uint64_t wrong = 0;
  for (std::uint64_t i = 0; i < 5; ++i) {
    wrong += out.publish(tick(number + i)) != PublishResult::published;
  }
  std::uint64_t next = number;
  wrong += in.poll([&](const Tick& seen) { wrong += seen.number != next++; }).messages != 5;
  return wrong;
}

// A thread that publishes and reads after it has called `forbid`.
void check_allowed_after(void (*forbid)(), const SubscriberOptions& options) {
  if (ringfleet::test::scale_down != 1) {
    MESSAGE("a sanitizer enters the kernel for its own purposes: not shown");
    return;
  }
  const ScratchChannel channel;
  const auto status = in_forked_child([&]() -> int {
    Publisher<Tick> out(channel.place(), small_ring());
    Subscriber<Tick> in(channel.place(), options);
    constexpr std::uint64_t ended = 1ULL << 32; // a thread that is killed alone does not add it
    std::uint64_t wrong = exchange(out, in, 0);
    // The watching threads of this process may do as they like.
    std::thread forbidden([&] {
      forbid();
      for (std::uint64_t i = 1; i < 50'000; ++i) {
        wrong += exchange(out, in, 2 * i);
      }
      for (std::uint64_t i = 0; i < 10'000; ++i) {
        wrong += flow(out, in, 5 * i);
      }
      wrong += ended;
      ringfleet::test::end_thread(0);
    });
    forbidden.join();
    return wrong == ended ? 0 : 1;
  });
  if (!status.signalled && status.code == 77) {
    MESSAGE("this machine has no seccomp: not shown");
    return;
  }
  CHECK_FALSE(status.signalled);
  CHECK(status.code == 0);
}

} // namespace

TEST_CASE("channel: publishing and reading make no system call while nobody is parked, counters included") { // T14
  check_allowed_after(ringfleet::test::forbid_system_calls, {});
}
TEST_CASE("channel: a subscriber that is not paced reads no clock: strict seccomp lets it live") {
  check_allowed_after(ringfleet::test::forbid_system_calls_and_clocks, {.paced = false});
}

TEST_CASE("channel: a named one is two segments and a lock, with an arena three, however many read") {
  const ScratchChannel channel(memory::Backing::file);
  PublisherOptions options = small_ring();
  options.arena_bytes = 1 << 16;
  const Publisher<Tick> out(channel.place(), options);
  std::vector<Subscriber<Tick>> readers;
  for (int i = 0; i < 20; ++i) {
    readers.emplace_back(channel.place());
  }
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(channel.place().directory())) {
    if (entry.is_regular_file()) {
      files.push_back(entry.path().filename());
    }
  }
  std::ranges::sort(files);
  CHECK(files == std::vector<std::string>{"ticks", "ticks+arena", "ticks+lock", "ticks+members"});
}
