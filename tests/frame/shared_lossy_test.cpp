// T9: lossy readers of frames that many writers put into one ring.

#include "../ring/shared_fixture.hpp"
#include "frame_fixture.hpp"
#include "ringfleet/frame/lossy_frame_reader.hpp"

#include <array>
#include <atomic>
#include <cstring>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::frame;
using namespace ringfleet::frame::test;

namespace {

using SharedBlocks = ring::SharedProducer<FrameBlock>;
using SharedWriter = FrameWriter<SharedBlocks>;
using LossyBlocks = ring::SharedLossyReader<FrameBlock>;
using Lossy = LossyFrameReader<LossyBlocks>;
using SharedRing = ring::test::SharedTestRing<FrameBlock>;

constexpr ReaderOptions several{.max_message = 8'192, .assemblies = 4};

// The writer's number in the kind; the message's in its bytes.
Bytes numbered(std::uint64_t writer, std::uint64_t number, std::uint64_t length) {
  auto bytes = message(std::max<std::uint64_t>(length, 8), writer * 1'000'003 + number);
  std::memcpy(bytes.data(), &number, 8);
  return bytes;
}
// Nothing when the bytes are not those of one message.
std::optional<std::uint64_t> number_of(const View& view) {
  std::uint64_t number = 0;
  if (view.bytes.size() < 8) {
    return std::nullopt;
  }
  std::memcpy(&number, view.bytes.data(), 8);
  for (std::size_t i = 8; i < view.bytes.size(); ++i) {
    if (view.bytes[i] != byte_of(view.kind * 1'000'003 + number, i)) {
      return std::nullopt;
    }
  }
  return number;
}

} // namespace

TEST_CASE("shared lossy frames: a reader that keeps up misses nothing, whatever the length and what is given up") {
  SharedRing ring(64);
  auto blocks = ring.lossy(0);
  Lossy reader(blocks, several);
  auto a = ring.producer();
  auto b = ring.producer();
  SharedWriter writers[2] = {SharedWriter(a), SharedWriter(b)};
  for (std::uint64_t i = 0; i < 3'000; ++i) {
    CAPTURE(i);
    auto& writer = writers[i % 2];
    const auto kind = static_cast<std::uint16_t>(i % 2);
    if (i % 3 == 0) {
      writers[(i + 1) % 2].claim(i % 700).abort();
    }
    REQUIRE(writer.write(numbered(kind, i, i), {.kind = kind}) == WriteResult::written);
    View view;
    REQUIRE(reader.read(view) == ReadResult::message);
    CHECK(number_of(view) == i);
    CHECK(reader.read(view) == ReadResult::empty);
  }
  CHECK(reader.counts().malformed == 0);
  CHECK(reader.counts().reassembled > 0);
  CHECK(reader.laps() == 0);
}

TEST_CASE("shared lossy frames: a reader that was lapped says so, and goes on with whole messages of each writer") {
  for (const auto resume : {ring::Resume::oldest, ring::Resume::latest}) {
    SharedRing ring(64);
    auto blocks = ring.lossy(0, {.resume = resume});
    Lossy reader(blocks, several);
    auto a = ring.producer();
    auto b = ring.producer();
    SharedWriter writers[2] = {SharedWriter(a), SharedWriter(b)};
    std::mt19937_64 random(1);
    std::array<std::uint64_t, 2> next{};
    std::uint64_t seen = 0;
    for (std::uint64_t i = 0; i < 5'000; ++i) {
      const auto writer = random() % 2;
      REQUIRE(writers[writer].write(numbered(writer, i, random() % 900),
                                    {.kind = static_cast<std::uint16_t>(writer)}) == WriteResult::written);
      if (random() % 10 != 0) {
        continue;
      }
      ReadResult ended;
      do {
        ended = reader
                    .poll([&](const View& view) {
                      const auto number = number_of(view);
                      REQUIRE(number);
                      REQUIRE(*number >= next[view.kind]);
                      next[view.kind] = *number + 1;
                      ++seen;
                    })
                    .ended;
      } while (ended == ReadResult::lapped);
      REQUIRE(ended == ReadResult::empty);
    }
    CHECK(reader.laps() > 0);
    CHECK(reader.lost_blocks() > 0);
    CHECK(seen > 100);
    CHECK(reader.counts().malformed == 0);
  }
}

TEST_CASE("shared lossy frames: a record that says it runs on behind an aborted claim is none") {
  SharedRing ring(64);
  auto blocks = ring.lossy(0);
  Lossy reader(blocks, several);
  auto producer = ring.producer();
  std::uint64_t first = 0;
  REQUIRE(producer.try_claim(1, first) == ring::ClaimResult::claimed);
  store_header(producer.slot(first), header_of(first, RecordForm::data, 150, 0)); // three blocks
  producer.publish(first, 1);
  REQUIRE(producer.try_claim(2, first) == ring::ClaimResult::claimed);
  producer.abort(first, 2);
  SharedWriter writer(producer);
  REQUIRE(writer.write(numbered(0, 1, 100)) == WriteResult::written);
  REQUIRE(writer.write(numbered(0, 2, 100)) == WriteResult::written);
  View view;
  REQUIRE(reader.read(view) == ReadResult::malformed);
  CHECK(reader.last_fault() == RecordFault::length);
  REQUIRE(reader.read(view) == ReadResult::message);
  CHECK(number_of(view) == 2); // the first was taken for a part of that record
  CHECK(reader.read(view) == ReadResult::empty);
}

#if !defined(__SANITIZE_THREAD__)
// The writers' plain stores and the reader's copies race by design; what was torn is thrown away.
TEST_CASE("shared lossy frames: a copy is never torn, however often the reader is lapped (2p2c)") {
  SharedRing ring(32);
  std::atomic<bool> done = false;
  std::atomic<std::uint64_t> wrong = 0;
  std::atomic<std::uint64_t> seen = 0;
  std::vector<SharedBlocks> producers;
  producers.push_back(ring.producer());
  producers.push_back(ring.producer());
  std::vector<std::thread> readers;
  for (const auto resume : {ring::Resume::oldest, ring::Resume::latest}) {
    readers.emplace_back([&, blocks = LossyBlocks::watch(ring.memory(), {.resume = resume})]() mutable {
      Lossy reader(*blocks, several);
      std::array<std::uint64_t, 2> next{};
      // To the end of what is written: who goes on at the oldest finds something, however late it came.
      for (bool last = false, at_end = false; !last || !at_end;) {
        last = done;
        const auto result = reader.poll(
            [&](const View& view) {
              const auto number = number_of(view);
              wrong += view.kind > 1 || !number || *number < next[view.kind % 2];
              next[view.kind % 2] = number.value_or(0) + 1;
              ++seen;
            },
            100);
        wrong += result.ended == ReadResult::malformed;
        at_end = result.ended == ReadResult::empty;
      }
    });
  }
  std::vector<std::thread> writers;
  for (std::uint64_t id = 0; id < 2; ++id) {
    writers.emplace_back([&, id] {
      SharedWriter writer(producers[id]);
      std::mt19937_64 random(id);
      for (std::uint64_t i = 0; i < 30'000 / scale_down; ++i) {
        const auto bytes = numbered(id, i, random() % 1'500);
        wrong += writer.write_until(bytes, never, {.kind = static_cast<std::uint16_t>(id)}) != WriteResult::written;
        if (i % 7 == 0) {
          (void)writer.claim(100); // and forgotten
        }
      }
    });
  }
  for (auto& writer : writers) {
    writer.join();
  }
  done = true;
  for (auto& reader : readers) {
    reader.join();
  }
  CHECK(wrong == 0);
  CHECK(seen > 0);
}
#endif
