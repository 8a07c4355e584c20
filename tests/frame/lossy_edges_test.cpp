// What a lossy reader of frames does not take, how much of it at once, and what it gives up.

#include "../interrupted_atomics.hpp"
#include "frame_fixture.hpp"
#include "ringfleet/frame/lossy_frame_reader.hpp"

#include <doctest/doctest.h>
#include <vector>

using namespace ringfleet;
using namespace ringfleet::frame;
using namespace ringfleet::frame::test;
using ringfleet::test::InterruptedAtomics;

namespace {

using LossyBlocks = ring::LossyReader<FrameBlock>;
using InterruptedBlocks = ring::LossyReader<FrameBlock, InterruptedAtomics>;
using Lossy = LossyFrameReader<LossyBlocks>;

} // namespace

TEST_CASE("lossy frames: a poll ends at the number of messages that was asked for") {
  FrameRing ring(64);
  BlockProducer producer(ring.memory(), parks);
  auto blocks = *LossyBlocks::join(ring.memory(), 0, {}, parks);
  Writer writer(producer);
  Lossy reader(blocks, {.max_message = 512});
  for (std::uint64_t i = 0; i < 5; ++i) {
    CHECK(writer.write(message(20, i)) == WriteResult::written);
  }
  std::uint64_t next = 0;
  const auto handler = [&](const View& view) { CHECK(is_message(view.bytes, next++)); };
  CHECK(reader.poll(handler, 2).messages == 2);
  CHECK(reader.poll(handler, 0).messages == 0);
  CHECK(reader.poll(handler).messages == 3);
}

TEST_CASE("lossy frames: padding is passed, however much longer it is than any message that the reader takes") {
  FrameRing ring(64);
  BlockProducer producer(ring.memory(), parks);
  auto blocks = *LossyBlocks::join(ring.memory(), 0, {}, parks);
  Writer writer(producer);
  Lossy reader(blocks, {.max_message = 32});
  constexpr std::uint64_t length = 40;
  std::uint64_t first = 0;
  REQUIRE(producer.try_claim(length, first) == ring::ClaimResult::claimed);
  store_header(producer.slot(first), padding_header(first, length));
  producer.publish(first + length);
  View view;
  CHECK(reader.read(view) == ReadResult::empty);
  CHECK(reader.counts().malformed == 0);
  CHECK(blocks.position() == first + length);
}

TEST_CASE("lossy frames: a loan is refused by a reader without arenas, outside of them, and when it is too large") {
  const LoanViews none;
  for (const auto fault : {RecordFault::none, RecordFault::loan, RecordFault::oversize}) {
    CAPTURE(fault);
    std::vector<FrameBlock> segment(1 + 64);
    const auto bytes = std::span(segment.data()->bytes, segment.size() * block_bytes);
    LoanArena<> arena(bytes);
    LoanViews views;
    REQUIRE(views.open(1, bytes));
    FrameRing ring(64);
    BlockProducer producer(ring.memory(), parks);
    auto blocks = *LossyBlocks::join(ring.memory(), 0, {}, parks);
    Writer writer(producer, {.arena = &arena});
    const auto* arenas = fault == RecordFault::none ? nullptr : fault == RecordFault::loan ? &none : &views;
    Lossy reader(blocks, {.max_message = 512, .arenas = arenas});
    auto loan = writer.loan(1'000);
    REQUIRE(loan);
    REQUIRE(loan.commit(std::uint64_t{1'000}) == WriteResult::written);
    CHECK(writer.write(message(20, 3)) == WriteResult::written);
    View view;
    CHECK(reader.read(view) == ReadResult::malformed);
    CHECK(reader.last_fault() == (arenas == &views ? RecordFault::oversize : RecordFault::loan));
    CHECK(reader.read(view) == ReadResult::message);
    CHECK(is_message(view.bytes, 3));
  }
}

TEST_CASE("lossy frames: a reader that is lapped while it copies a record says so, and goes on with whole messages") {
  std::uint64_t laps_within_a_record = 0;
  const auto rounds = InterruptedAtomics::before_each_access([&](std::uint64_t nth) {
    FrameRing ring(64);
    BlockProducer producer(ring.memory(), parks);
    auto blocks = *InterruptedBlocks::join(ring.memory(), 0, {}, parks);
    Writer writer(producer);
    const auto write = [&](std::uint16_t number) { // its number is its kind
      CHECK(writer.write(message(200, number), {.kind = number}) == WriteResult::written);
    };
    LossyFrameReader<InterruptedBlocks, InterruptedAtomics> reader(blocks, {.max_message = 512});
    write(0);
    std::uint64_t copied = 0; // blocks, when it was interrupted
    InterruptedAtomics::before_access(nth, [&] {
      copied = blocks.position();
      for (std::uint16_t number = 1; number <= 40; ++number) {
        write(number);
      }
    });
    View view;
    const auto result = reader.read(view);
    if (result == ReadResult::lapped) {
      laps_within_a_record += copied != 0;
    } else {
      REQUIRE(result == ReadResult::message);
      CHECK(view.kind == 0);
      CHECK(is_message(view.bytes, 0));
    }
    if (InterruptedAtomics::left() != 0) {
      return; // it was done before
    }
    ReadResult ended;
    std::uint64_t latest = 0;
    do {
      ended = reader
                  .poll([&](const View& later) {
                    CHECK(later.kind > latest);
                    CHECK(is_message(later.bytes, later.kind));
                    latest = later.kind;
                  })
                  .ended;
    } while (ended == ReadResult::lapped);
    CHECK(ended == ReadResult::empty);
    CHECK(latest == 40);
    CHECK(reader.counts().malformed == 0);
  });
  CHECK(rounds > 30);
  CHECK(laps_within_a_record > 0);
}
