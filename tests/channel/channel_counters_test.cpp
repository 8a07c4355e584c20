// What the ends of a channel count, exact against a script. (T18)

#include "channel_fixture.hpp"

#include "ringfleet/counter/counter_snapshot.hpp"
#include "ringfleet/os/runtime_directory.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <optional>
#include <thread>

using namespace ringfleet;
using namespace ringfleet::channel;
using namespace ringfleet::channel::test;

namespace {

counter::CounterSnapshot snapshot_of(std::string_view role) {
  for (const auto& path : counter::list_counter_files(os::fleet_directory_path(os::channels_directory))) {
    auto snapshot = counter::CounterSnapshot::read(path);
    if (snapshot.role == role) {
      return snapshot;
    }
  }
  return {};
}

// Until the other thread has counted something.
void await(std::string_view role, std::string_view label) {
  while (snapshot_of(role).value(label) == 0) {
    std::this_thread::yield();
  }
}

// A word that is decoded, and of which 0 is none.
struct Word {
  std::uint64_t value = 0;
};

} // namespace

template <>
struct codec::Codec<Word> {
  using Value = Word;
  static std::size_t bound(const Word&) { return sizeof(Word); }
  static Encoded encode(const Word& word, std::span<std::byte> out) {
    if (word.value == 0 || out.size() < sizeof(Word)) {
      return std::nullopt;
    }
    std::memcpy(out.data(), &word, sizeof word);
    return out.first(sizeof word);
  }
  static bool decode(std::span<const std::byte> in, Word& into) {
    if (in.size() != sizeof into) {
      return false;
    }
    std::memcpy(&into, in.data(), sizeof into);
    return true;
  }
  static Fingerprint fingerprint() { return Fingerprint{77}; }
};

TEST_CASE("channel: counters of both ends are exact, and gone with an orderly end") { // T18
  const ScratchChannel channel;
  {
    Publisher<Tick> out(channel.place(), small_ring());
    Subscriber<Tick> in(channel.place());
    std::uint64_t published = 0;
    while (out.try_publish(tick(published)) == PublishResult::published) {
      ++published;
    }
    const auto written = snapshot_of("publisher");
    CHECK(written.name == channel.place().name());
    CHECK(written.value("messages") == 64);
    CHECK(written.value("bytes") == 64 * sizeof(Tick));
    CHECK(written.value("full") == 1);
    CHECK(written.value("refused") == 1);
    CHECK(written.value("readers") == 1);
    CHECK(written.value("generation") == 1);
    in.poll([](const Tick&) {});
    in.poll([](const Tick&) {});
    const auto read = snapshot_of("subscriber");
    CHECK(read.value("messages") == 64);
    CHECK(read.value("polls") == 2);
    CHECK(read.value("empty") == 1);
    CHECK(read.value("lag") == 0);
  }
  CHECK(counter::list_counter_files(os::fleet_directory_path(os::channels_directory)).empty());
}

TEST_CASE("channel: who sleeps in the kernel, and who wakes it, is counted on its own side") {
  const ScratchChannel channel;
  Publisher<Tick> out(channel.place(), small_ring());
  Subscriber<Tick> in(channel.place());
  std::thread reading([&] { CHECK(in.wait() == WaitResult::ready); });
  await("subscriber", "parks");
  CHECK(snapshot_of("publisher").value("wakes") == 0);
  CHECK(out.publish(tick(0)) == PublishResult::published);
  reading.join();
  CHECK(snapshot_of("publisher").value("wakes") == 1);
  CHECK(snapshot_of("publisher").value("parks") == 0);
  CHECK(snapshot_of("subscriber").value("parks") == 1);
  CHECK(snapshot_of("subscriber").value("wakes") == 0);

  while (out.try_publish(tick(1)) == PublishResult::published) {
  }
  std::thread publishing([&] { CHECK(out.publish(tick(2)) == PublishResult::published); });
  await("publisher", "parks");
  in.poll([](const Tick&) {});
  publishing.join();
  CHECK(snapshot_of("subscriber").value("wakes") == 1);
  CHECK(snapshot_of("publisher").value("waits") == 1);
}

TEST_CASE("channel: what a codec does is counted: refused, decoded, not to be decoded") {
  const ScratchChannel channel;
  Publisher<Word> out(channel.place(), small_ring());
  Subscriber<Word> in(channel.place());
  CHECK(out.publish(Word{7}) == PublishResult::published);
  CHECK(out.publish(Word{8}) == PublishResult::published);
  CHECK(out.publish(Word{0}) == PublishResult::not_encodable);
  CHECK(out.frames().publish({}, 0) == PublishResult::published); // none of ours
  in.poll([](const Word&) {});
  in.poll([](const Word&) {});
  CHECK(snapshot_of("publisher").value("not_encodable") == 1);
  CHECK(snapshot_of("publisher").value("messages") == 3);
  CHECK(snapshot_of("subscriber").value("decoded") == 2);
  CHECK(snapshot_of("subscriber").value("undecodable") == 1);
}

TEST_CASE("channel: what is seen in place is not decoded, what is built in place is not encoded") {
  const ScratchChannel channel;
  Publisher<Tick> out(channel.place(), small_ring());
  Subscriber<Tick> in(channel.place());
  CHECK(out.publish(tick(1)) == PublishResult::published);
  CHECK(out.emplace([](Tick& built) { built = tick(2); }) == PublishResult::published);
  in.poll([](const Tick&) {});
  CHECK(snapshot_of("publisher").value("messages") == 2);
  CHECK(snapshot_of("publisher").value("in_place") == 1); // the other one was encoded
  CHECK(snapshot_of("subscriber").value("messages") == 2);
  CHECK(snapshot_of("subscriber").value("decoded") == 0);
}

TEST_CASE("channel: the age of messages is measured on request, and shown by its quantiles") {
  const ScratchChannel channel;
  Publisher<Tick> out(channel.place(), small_ring());
  SubscriberOptions options;
  options.sent_at = [](const frame::View& view) {
    Tick got{};
    std::memcpy(&got, view.bytes.data(), sizeof got);
    return got.number;
  };
  Subscriber<Tick> in(channel.place(), options);
  constexpr std::uint64_t hour = 3'600'000'000'000;
  const auto begin = monotonic_now();
  for (const MonotonicNs sent : {begin - hour, begin - hour / 2, begin + hour, never}) {
    CHECK(out.publish(tick(sent)) == PublishResult::published);
  }
  in.poll([](const Tick&) {});
  const auto elapsed = monotonic_now() - begin;
  const auto& ages = *in.frames().latency();
  CHECK(ages.count() == 3); // one does not say
  CHECK(ages.min() == 0);   // and one comes from the future
  CHECK(ages.max() >= hour);
  CHECK(ages.max() <= hour + elapsed);
  CHECK(snapshot_of("subscriber").value("latency.count") == 0); // until there is time for it
  in.poll([](const Tick&) {});
  const auto shown = snapshot_of("subscriber");
  CHECK(shown.value("latency.count") == 3);
  CHECK(shown.value("latency.max_ns") == ages.max());
  CHECK(shown.value("latency.p50_ns") == ages.quantile(0.5));
  CHECK(shown.value("latency.p50_ns") >= hour / 2);
  CHECK(shown.value("latency.p50_ns") < hour);
  CHECK(Subscriber<Tick>(channel.place()).frames().latency() == nullptr);
}
