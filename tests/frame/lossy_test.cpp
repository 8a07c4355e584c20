#include "frame_fixture.hpp"

#include "ringfleet/frame/lossy_frame_reader.hpp"

#include <atomic>
#include <doctest/doctest.h>
#include <memory>
#include <random>
#include <thread>

using namespace ringfleet;
using namespace ringfleet::frame;
using namespace ringfleet::frame::test;

namespace {

using LossyBlocks = ring::LossyReader<FrameBlock>;
using Lossy = LossyFrameReader<LossyBlocks>;

struct LossyRing {
  explicit LossyRing(std::size_t capacity, const ring::LossyOptions& lossy = {},
                     const ReaderOptions& options = {.max_message = 8'192})
      : ring(capacity), producer(ring.memory(), parks), blocks(*LossyBlocks::join(ring.memory(), 0, lossy, parks)),
        writer(producer), reader(blocks, options) {}

  FrameRing ring;
  BlockProducer producer;
  LossyBlocks blocks;
  Writer writer;
  Lossy reader;
};

// Its number in front, so that a reader that has missed some knows which one this is.
Bytes numbered(std::uint64_t number, std::uint64_t length) {
  auto bytes = message(std::max<std::uint64_t>(length, 8), number);
  std::memcpy(bytes.data(), &number, 8);
  return bytes;
}
bool is_numbered(std::span<const std::byte> bytes, std::uint64_t& number) {
  if (bytes.size() < 8) {
    return false;
  }
  std::memcpy(&number, bytes.data(), 8);
  for (std::size_t i = 8; i < bytes.size(); ++i) {
    if (bytes[i] != byte_of(number, i)) {
      return false;
    }
  }
  return true;
}

} // namespace

// T9
TEST_CASE("lossy frames: a reader that keeps up misses nothing, whatever the length") {
  LossyRing ring(64);
  for (std::uint64_t i = 0; i < 3'000; ++i) {
    REQUIRE(ring.writer.write(numbered(i, i), {.kind = 3}) == WriteResult::written);
    View view;
    REQUIRE(ring.reader.read(view) == ReadResult::message);
    std::uint64_t number = 0;
    CHECK(is_numbered(view.bytes, number));
    CHECK(number == i);
    CHECK(view.kind == 3);
    CHECK(view.id == ring.writer.last_id());
    CHECK(ring.reader.read(view) == ReadResult::empty);
  }
  CHECK(ring.reader.counts().malformed == 0);
  CHECK(ring.reader.laps() == 0);
}

TEST_CASE("lossy frames: a reader that was lapped says so, and goes on with whole messages") {
  for (const auto resume : {ring::Resume::oldest, ring::Resume::latest}) {
    LossyRing ring(64, {.resume = resume});
    std::mt19937_64 random(1);
    std::uint64_t next = 0;
    std::uint64_t seen = 0;
    for (std::uint64_t i = 0; i < 5'000; ++i) {
      REQUIRE(ring.writer.write(numbered(i, random() % 900)) == WriteResult::written);
      if (random() % 10 != 0) {
        continue;
      }
      ReadResult ended;
      do {
        ended = ring.reader
                    .poll([&](const View& view) {
                      std::uint64_t number = 0;
                      REQUIRE(is_numbered(view.bytes, number));
                      REQUIRE(number >= next);
                      next = number + 1;
                      ++seen;
                    })
                    .ended;
      } while (ended == ReadResult::lapped);
      REQUIRE(ended == ReadResult::empty);
    }
    CHECK(ring.reader.laps() > 0);
    CHECK(ring.reader.lost_blocks() > 0);
    CHECK(seen > 100);
    CHECK(ring.reader.counts().malformed == 0);
  }
}

TEST_CASE("lossy frames: a reader joins at oldest, in the middle of whatever lies there") {
  for (std::uint64_t length = 0; length < 1'000; length += 37) {
    FrameRing ring(64);
    BlockProducer producer(ring.memory(), parks);
    Writer writer(producer);
    for (std::uint64_t i = 0; i < 100; ++i) {
      REQUIRE(writer.write(numbered(i, length)) == WriteResult::written);
    }
    auto blocks = LossyBlocks::watch(ring.memory(), {.from = ring::JoinFrom::oldest});
    REQUIRE(blocks);
    Lossy reader(*blocks, {.max_message = 8'192});
    std::uint64_t last = 0;
    const auto result = reader.poll([&](const View& view) { CHECK(is_numbered(view.bytes, last)); });
    CHECK(result.messages > 0);
    CHECK(last == 99);
    CHECK(reader.counts().malformed == 0);
  }
}

TEST_CASE("lossy frames: a message larger than the reader takes is reported, and the next one is read") {
  LossyRing ring(64, {}, {.max_message = 300});
  REQUIRE(ring.writer.write(numbered(1, 900)) == WriteResult::written);
  REQUIRE(ring.writer.write(numbered(2, 2'000)) == WriteResult::written);
  REQUIRE(ring.writer.write(numbered(3, 300)) == WriteResult::written);
  View view;
  std::uint64_t reported = 0;
  ReadResult result;
  while ((result = ring.reader.read(view)) == ReadResult::malformed) {
    CHECK(ring.reader.last_fault() == RecordFault::oversize);
    REQUIRE(++reported < 10);
  }
  CHECK(reported >= 2);
  REQUIRE(result == ReadResult::message);
  std::uint64_t number = 0;
  CHECK(is_numbered(view.bytes, number));
  CHECK(number == 3);
}

TEST_CASE("lossy frames: a loan is copied, and is void once its memory was taken back") {
  std::vector<FrameBlock> segment(1 + 8);
  const auto bytes = std::span(segment.data()->bytes, segment.size() * block_bytes);
  LoanArena<> arena(bytes);
  LoanViews views;
  REQUIRE(views.open(1, bytes));
  FrameRing ring(64);
  BlockProducer producer(ring.memory(), parks);
  Writer writer(producer, {.arena = &arena});
  auto blocks = LossyBlocks::join(ring.memory(), 0, {}, parks);
  Lossy reader(*blocks, {.max_message = 512, .arenas = &views});
  const auto lend = [&](std::uint64_t number) {
    auto loan = writer.loan(100);
    REQUIRE(loan);
    const auto text = numbered(number, 90);
    std::copy(text.begin(), text.end(), loan.bytes().begin() + 3);
    REQUIRE(loan.commit(std::span<const std::byte>(loan.bytes().subspan(3, 90))) == WriteResult::written);
  };
  View view;
  std::uint64_t number = 0;
  lend(1);
  REQUIRE(reader.read(view) == ReadResult::message);
  CHECK(is_numbered(view.bytes, number));
  CHECK(number == 1);
  CHECK((view.bytes.data() < bytes.data() || view.bytes.data() >= bytes.data() + bytes.size()));
  for (std::uint64_t i = 2; i < 20; ++i) {
    lend(i); // nobody gates: the memory is used again and again
  }
  std::uint64_t seen = 0;
  (void)reader.poll([&](const View& late) {
    ++seen;
    CHECK(is_numbered(late.bytes, number));
  });
  CHECK(number == 19);
  CHECK(seen + reader.counts().loans_void == 18);
  CHECK(reader.counts().loans_void > 0);
}

#if !defined(__SANITIZE_THREAD__)
// The writer's plain stores and the reader's copies race by design; what was torn is thrown away.
TEST_CASE("lossy frames: a copy is never torn, however often the reader is lapped (1p2c)") {
  FrameRing ring(32);
  std::atomic<bool> done = false;
  std::atomic<std::uint64_t> wrong = 0;
  std::atomic<std::uint64_t> seen = 0;
  std::vector<std::thread> threads;
  for (const auto resume : {ring::Resume::oldest, ring::Resume::latest}) {
    threads.emplace_back([&, blocks = LossyBlocks::watch(ring.memory(), {.resume = resume})]() mutable {
      Lossy reader(*blocks, {.max_message = 8'192});
      std::uint64_t next = 0;
      // To the end of what is written: who goes on at the oldest finds something, however late it came.
      for (bool last = false, at_end = false; !last || !at_end;) {
        last = done;
        const auto result = reader.poll(
            [&](const View& view) {
              std::uint64_t number = 0;
              wrong += !is_numbered(view.bytes, number) || number < next;
              next = number + 1;
              ++seen;
            },
            100);
        wrong += result.ended == ReadResult::malformed;
        at_end = result.ended == ReadResult::empty;
      }
    });
  }
  BlockProducer producer(ring.memory(), parks);
  Writer writer(producer);
  std::mt19937_64 random(2);
  for (std::uint64_t i = 0; i < 60'000 / scale_down; ++i) {
    wrong += writer.write(numbered(i, random() % 1'500)) != WriteResult::written;
  }
  done = true;
  for (auto& thread : threads) {
    thread.join();
  }
  CHECK(wrong == 0);
  CHECK(seen > 0);
}
#endif
