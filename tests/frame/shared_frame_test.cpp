#include "../ring/shared_fixture.hpp"
#include "frame_fixture.hpp"
#include "ringfleet/ring/fan_in.hpp"

#include <doctest/doctest.h>
#include <random>
#include <thread>

using namespace ringfleet;
using namespace ringfleet::frame;
using namespace ringfleet::frame::test;

namespace {

using SharedBlocks = ring::SharedProducer<FrameBlock>;
using SharedWriter = FrameWriter<SharedBlocks>;
using SharedMessages = FrameReader<ring::SharedReader<FrameBlock>>;
using SharedRing = ring::test::SharedTestRing<FrameBlock>;

constexpr ReaderOptions several{.max_message = 1 << 16, .assemblies = 4};

// The writer's number in the kind; the message's in its bytes.
Bytes numbered(std::uint64_t writer, std::uint64_t number, std::uint64_t length) {
  auto bytes = message(std::max<std::uint64_t>(length, 8), writer * 1'000'003 + number);
  std::memcpy(bytes.data(), &number, 8);
  return bytes;
}

} // namespace

// T2, T3
TEST_CASE("shared frames: messages of many writers arrive whole, each writer's in order (3p1c)") {
  constexpr std::uint64_t writers = 3;
  constexpr std::uint64_t total = 4'000 / scale_down;
  SharedRing ring(64);
  auto blocks = ring.reader(0);
  SharedMessages reader(blocks, several);
  std::vector<std::thread> threads;
  std::vector<SharedBlocks> producers;
  for (std::uint64_t i = 0; i < writers; ++i) {
    producers.push_back(ring.producer());
  }
  for (std::uint64_t i = 0; i < writers; ++i) {
    threads.emplace_back([i, &producers] {
      SharedWriter writer(producers[i], {.max_message = 1 << 16});
      std::mt19937_64 random(i);
      for (std::uint64_t number = 0; number < total; ++number) {
        const auto bytes = numbered(i, number, random() % (number % 10 == 0 ? 6'000 : 300));
        while (writer.write_until(bytes, never, {.kind = static_cast<std::uint16_t>(i)}) != WriteResult::written) {
        }
        if (number % 7 == 0) {
          (void)writer.claim(100); // and forgotten
        }
      }
    });
  }
  std::uint64_t next[writers] = {};
  std::uint64_t wrong = 0;
  for (std::uint64_t seen = 0; seen < writers * total;) {
    wrong += reader.wait(monotonic_now() + 20'000'000'000) != ring::BarrierResult::reached;
    const auto result = reader.poll([&](const View& view) {
      std::uint64_t number = 0;
      std::memcpy(&number, view.bytes.data(), 8);
      const auto writer = view.kind;
      wrong += writer >= writers || number != next[writer]++;
      for (std::size_t i = 8; i < view.bytes.size(); ++i) {
        wrong += view.bytes[i] != byte_of(writer * 1'000'003 + number, i);
      }
      ++seen;
    });
    wrong += result.ended == ReadResult::malformed;
    REQUIRE(wrong == 0);
  }
  for (auto& thread : threads) {
    thread.join();
  }
  CHECK(reader.dropped_messages() == 0);
  CHECK(reader.counts().reassembled > 0);
}

TEST_CASE("shared frames: a commit of less than was claimed leaves padding, an abort nothing") {
  SharedRing ring(16);
  auto blocks = ring.reader(0);
  SharedMessages reader(blocks, several);
  auto producer = ring.producer();
  SharedWriter writer(producer);
  for (std::uint64_t i = 0; i < 100; ++i) {
    CAPTURE(i);
    writer.claim(200).abort();
    auto claim = writer.claim(200);
    REQUIRE(claim);
    fill(claim.bytes().first(60), i);
    claim.commit(std::uint64_t{60});
    std::uint64_t seen = 0;
    for (int polls = 0; polls < 4; ++polls) {
      (void)reader.poll([&](const View& view) {
        CHECK(view.bytes.size() == 60);
        CHECK(is_message(view.bytes, i));
        ++seen;
      });
    }
    CHECK(seen == 1);
  }
  CHECK(reader.counts().malformed == 0);
}

TEST_CASE("shared frames: a wait for several rings skips what was aborted, and the reader's position says so") {
  SharedRing ring(16);
  auto blocks = ring.reader(0);
  SharedMessages reader(blocks, several);
  auto producer = ring.producer();
  SharedWriter writer(producer);
  REQUIRE(writer.write(message(10, 1)) == WriteResult::written);
  CHECK(reader.poll([](const View&) {}).messages == 1);
  const auto before = reader.position();
  writer.claim(200).abort(); // four blocks
  CHECK(reader.position() == before);
  ring::FanIn several_rings;
  several_rings.add(blocks);
  CHECK(several_rings.wait(monotonic_now()).result == ring::BarrierResult::timed_out);
  CHECK(reader.position() == before + 4);
  CHECK(reader.position() == blocks.sequencer().gate());
  REQUIRE(writer.write(message(10, 2)) == WriteResult::written);
  CHECK(reader.poll([](const View& next) { CHECK(is_message(next.bytes, 2)); }).messages == 1);
}

TEST_CASE("shared frames: the padding behind a message is given back with it, or its whole claim would stay") {
  for (const bool holds : {false, true}) {
    CAPTURE(holds);
    SharedRing ring(64);
    auto blocks = ring.reader(0);
    SharedMessages reader(blocks, several);
    auto producer = ring.producer();
    SharedWriter writer(producer);
    for (std::uint64_t i = 0; i < 5; ++i) {
      auto claim = writer.claim(200); // four blocks
      REQUIRE(claim);
      claim.commit(std::uint64_t{10}); // one
      REQUIRE(writer.write(message(10, i)) == WriteResult::written);
      const auto before = blocks.sequencer().gate();
      View view;
      if (holds) {
        CHECK(reader.take(view) == ReadResult::message);
        CHECK(reader.release_held() == ReadResult::message);
      } else {
        CHECK(reader.poll([](const View&) {}, 1).messages == 1);
      }
      CHECK(blocks.sequencer().gate() == before + 4);
      CHECK(reader.poll([&](const View& next) { CHECK(is_message(next.bytes, i)); }).messages == 1);
    }
  }
}

TEST_CASE("shared frames: padding that cannot be is not passed over, and is reported when it is read") {
  SharedRing ring(16);
  auto blocks = ring.reader(0);
  SharedMessages reader(blocks, several);
  auto producer = ring.producer();
  SharedWriter writer(producer);
  auto claim = writer.claim(200);
  REQUIRE(claim);
  claim.commit(std::uint64_t{10});
  store_header(ring.memory().slots[1], padding_header(1, 99)); // longer than what was claimed
  CHECK(reader.poll([](const View&) {}, 1).messages == 1);
  CHECK(reader.poll([](const View&) {}).ended == ReadResult::malformed);
  CHECK(blocks.sequencer().gate() == 4);
}

TEST_CASE("shared frames: a message that one writer gives up does not touch those of another") {
  SharedRing ring(16);
  auto blocks = ring.reader(0);
  SharedMessages reader(blocks, several);
  auto a = ring.producer();
  auto b = ring.producer();
  SharedWriter gives_up(a, {.max_message = 1 << 16});
  SharedWriter other(b, {.max_message = 1 << 16});
  for (std::uint64_t i = 0; i < 50; ++i) {
    CAPTURE(i);
    CHECK(gives_up.write_until(message(5'000, 999), monotonic_now()) == WriteResult::full);
    std::uint64_t seen = 0;
    const auto read_all = [&] {
      for (int polls = 0; polls < 6; ++polls) {
        (void)reader.poll([&](const View& view) {
          CHECK(view.bytes.size() == 500);
          CHECK(is_message(view.bytes, i));
          ++seen;
        });
      }
    };
    read_all();
    CHECK(seen == 0);
    REQUIRE(other.write(message(500, i)) == WriteResult::written);
    read_all();
    CHECK(seen == 1);
    REQUIRE(gives_up.write(message(500, i)) == WriteResult::written);
    read_all();
    CHECK(seen == 2);
  }
  CHECK(reader.dropped_messages() == 50);
}

TEST_CASE("shared frames: writers lend from arenas of their own") {
  SharedRing ring(64);
  std::vector<FrameBlock> segments[2] = {std::vector<FrameBlock>(1 + 16), std::vector<FrameBlock>(1 + 16)};
  LoanViews views;
  auto blocks = ring.reader(0);
  SharedMessages reader(blocks, {.max_message = 1 << 16, .assemblies = 4, .arenas = &views});
  auto a = ring.producer();
  auto b = ring.producer();
  const auto bytes_of = [&](std::size_t i) { return std::span(segments[i].data()->bytes, 17 * block_bytes); };
  LoanArena<> arenas[2] = {LoanArena<>(bytes_of(0), {.number = 1}), LoanArena<>(bytes_of(1), {.number = 2})};
  REQUIRE((views.open(1, bytes_of(0)) && views.open(2, bytes_of(1))));
  SharedWriter writers[2] = {SharedWriter(a, {.arena = &arenas[0]}), SharedWriter(b, {.arena = &arenas[1]})};
  for (std::uint64_t i = 0; i < 500; ++i) {
    auto loan = writers[i % 2].loan(900);
    REQUIRE(loan);
    fill(loan.bytes(), i);
    REQUIRE(loan.commit(std::uint64_t{900}) == WriteResult::written);
    std::uint64_t seen = 0;
    (void)reader.poll([&](const View& view) {
      CHECK(is_message(view.bytes, i));
      ++seen;
    });
    CHECK(seen == 1);
  }
  CHECK(reader.counts().loans == 500);
}
