// What a lossy reader of frames does not take, and how much of it at once.

#include "frame_fixture.hpp"
#include "ringfleet/frame/lossy_frame_reader.hpp"

#include <doctest/doctest.h>
#include <vector>

using namespace ringfleet;
using namespace ringfleet::frame;
using namespace ringfleet::frame::test;

namespace {

using LossyBlocks = ring::LossyReader<FrameBlock>;
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
