// The ends of a stream of frames, and what comes between two looks: evictions, deaths, stops, what is owed.

#include "../interrupted_atomics.hpp"
#include "../ring/shared_fixture.hpp"
#include "frame_fixture.hpp"
#include "ringfleet/frame/lossy_frame_reader.hpp"

#include <doctest/doctest.h>
#include <vector>

using namespace ringfleet;
using namespace ringfleet::frame;
using namespace ringfleet::frame::test;
using ringfleet::test::InterruptedAtomics;

namespace {

using SharedRing = ring::test::SharedTestRing<FrameBlock>;
using SharedBlocks = ring::SharedProducer<FrameBlock>;

// An arena of eight lines, each of them lent to a message that no reader has passed.
struct Lender {
  std::vector<FrameBlock> segment = std::vector<FrameBlock>(1 + 8);
  LoanArena<> arena{std::span(segment.data()->bytes, segment.size() * block_bytes)};
};

template <class W>
WriteResult lend_one(W& writer) {
  auto loan = writer.loan(64);
  return loan ? loan.commit(std::uint64_t{64}) : loan.result();
}

void fill_up(Writer& writer) {
  while (writer.write(message(8, 0)) == WriteResult::written) {
  }
}

} // namespace

TEST_CASE("frame: a part of a claim lies in it, from its first byte to its last") {
  const auto bytes = message(64, 1);
  const auto whole = std::span(bytes).subspan(16, 32);
  CHECK(frame::detail::is_part_of(whole, whole));
  CHECK(frame::detail::is_part_of(whole.subspan(8, 8), whole));
  CHECK(frame::detail::is_part_of({}, whole)); // nothing lies anywhere
  CHECK_FALSE(frame::detail::is_part_of(std::span(bytes).subspan(15, 8), whole));
  CHECK_FALSE(frame::detail::is_part_of(std::span(bytes).subspan(44, 8), whole));
}

TEST_CASE("frame: what was lent comes back when the reader that held it is evicted (one writer, and one of many)") {
  {
    Lender lender;
    FrameRing ring(64);
    BlockProducer producer(ring.memory(), parks);
    const auto reader = BlockReader::join(ring.memory(), 0, {}, parks);
    Writer writer(producer, {.arena = &lender.arena});
    for (int i = 0; i < 8; ++i) {
      CHECK(lend_one(writer) == WriteResult::written);
    }
    CHECK(lend_one(writer) == WriteResult::full);
    REQUIRE(producer.evict(0, reader->incarnation()));
    CHECK(lend_one(writer) == WriteResult::written);
  }
  Lender lender;
  SharedRing ring(64);
  const auto reader = ring.reader(0);
  auto producer = ring.producer();
  FrameWriter<SharedBlocks> writer(producer, {.arena = &lender.arena});
  for (int i = 0; i < 8; ++i) {
    CHECK(lend_one(writer) == WriteResult::written);
  }
  CHECK(lend_one(writer) == WriteResult::full);
  REQUIRE(producer.evict(0, reader.incarnation()));
  CHECK(lend_one(writer) == WriteResult::written);
}

TEST_CASE("loan: no more loans are open than there may be, however much memory there is") {
  std::vector<FrameBlock> segment(1 + 64);
  LoanArena<> arena(std::span(segment.data()->bytes, segment.size() * block_bytes), {.loans_max = 2});
  const auto gate = [] { return std::uint64_t{0}; };
  Lent first;
  Lent lent;
  CHECK(arena.lend(64, first, gate) == LendResult::lent);
  CHECK(arena.lend(64, lent, gate) == LendResult::lent);
  CHECK(arena.lend(64, lent, gate) == LendResult::full);
  arena.give_up(first.ticket);
  CHECK(arena.lend(64, lent, gate) == LendResult::lent);
}

TEST_CASE("frame: a reader that was evicted is told so instead of being shown what came over its messages") {
  Pair pair(16);
  View view;
  CHECK(pair.writer.write(message(200, 1)) == WriteResult::written);
  REQUIRE(pair.producer.evict(0, pair.blocks.incarnation()));
  CHECK(pair.reader.take(view) == ReadResult::message); // whole when it was looked at
  CHECK(pair.reader.release_held() == ReadResult::evicted);

  Pair overrun(16);
  fill_up(overrun.writer);
  REQUIRE(overrun.producer.evict(0, overrun.blocks.incarnation()));
  for (std::uint64_t i = 0; i < 3; ++i) {
    CHECK(overrun.writer.write(message(200, i)) == WriteResult::written);
  }
  CHECK(overrun.reader.take(view) == ReadResult::evicted);
  CHECK(overrun.reader.counts().malformed == 0);

  // Nothing but padding lay there: what it has passed cannot be given back.
  FrameRing ring(16);
  BlockProducer producer(ring.memory(), parks);
  auto blocks = *BlockReader::join(ring.memory(), 0, {}, parks);
  MessageReader reader(blocks);
  std::uint64_t first = 0;
  REQUIRE(producer.try_claim(1, first) == ring::ClaimResult::claimed);
  store_header(producer.slot(first), padding_header(first, 1));
  producer.publish(first + 1);
  REQUIRE(producer.evict(0, blocks.incarnation()));
  CHECK(reader.take(view) == ReadResult::evicted);
}

TEST_CASE("frame: a reader whose writer is dead has read everything when it is told so") {
  for (const bool knows : {false, true}) {
    FrameRing ring(16);
    BlockProducer producer(ring.memory(), parks);
    Writer writer(producer);
    ProcessWord<std::uint32_t> dead;
    auto options = parks;
    options.dead = knows ? &dead : nullptr;
    auto blocks = *BlockReader::join(ring.memory(), 0, {}, options);
    MessageReader reader(blocks);
    const auto poll = [&] { return reader.poll([](const View&) {}).ended; };
    CHECK(poll() == ReadResult::empty);
    CHECK(writer.write(message(10, 1)) == WriteResult::written);
    dead.publish(1);
    CHECK(reader.poll([](const View&) {}).messages == 1);
    CHECK(poll() == (knows ? ReadResult::detached : ReadResult::empty));
  }
}

TEST_CASE("frame: a message that is written right before the end is read before the end is told, whenever both come") {
  const auto rounds = InterruptedAtomics::before_each_access([](std::uint64_t nth) {
    FrameRing ring(16);
    BlockProducer producer(ring.memory(), parks);
    Writer writer(producer);
    auto blocks = *ring::Reader<FrameBlock, InterruptedAtomics>::join(ring.memory(), 0, {}, parks);
    FrameReader<ring::Reader<FrameBlock, InterruptedAtomics>, InterruptedAtomics> reader(blocks);
    InterruptedAtomics::before_access(nth, [&] {
      CHECK(writer.write(message(10, 1)) == WriteResult::written);
      producer.close();
    });
    std::uint64_t seen = 0;
    const auto poll = [&] { return reader.poll([&](const View& view) { seen += is_message(view.bytes, 1); }).ended; };
    const auto ended = poll();
    if (InterruptedAtomics::left() == 0) {
      CHECK((ended != ReadResult::detached || seen == 1));
      (void)poll();
      CHECK(poll() == ReadResult::detached);
      CHECK(seen == 1);
    }
  });
  CHECK(rounds > 3);
}

TEST_CASE("frame: a writer that waits for room is stopped, with a claim and with a loan") {
  Lender lender;
  Pair pair(16, {.arena = &lender.arena});
  auto loan = pair.writer.loan(64);
  REQUIRE(loan);
  fill_up(pair.writer);
  CHECK(loan.commit_until(loan.bytes(), monotonic_now()) == WriteResult::full);
  pair.producer.stop();
  CHECK(pair.writer.claim_until(8, never).result() == WriteResult::stopped);
  CHECK(loan.commit_until(loan.bytes(), never) == WriteResult::stopped);
  pair.producer.resume();
  CHECK(pair.reader.poll([](const View&) {}).messages == 16);
  CHECK(loan.commit_until(loan.bytes(), never) == WriteResult::written);
}

TEST_CASE("frame: nothing is written before readers are told of a message that was given up") {
  Lender lender;
  Pair pair(16, {.max_message = 1 << 20, .arena = &lender.arena});
  auto loan = pair.writer.loan(64);
  REQUIRE(loan);
  // More than the ring holds, and nobody reads: begun, and given up with no room to say so.
  CHECK(pair.writer.write_until(message(5'000, 1), monotonic_now()) == WriteResult::full);
  fill_up(pair.writer);
  CHECK(loan.commit(std::uint64_t{64}) == WriteResult::full);
  CHECK(loan.commit_until(loan.bytes(), monotonic_now()) == WriteResult::full);
  CHECK(pair.reader.poll([](const View&) { FAIL("half a message"); }).messages == 0);
  CHECK(pair.writer.write(message(10, 2)) == WriteResult::written);
  std::uint64_t seen = 0;
  (void)pair.reader.poll([&](const View& view) { seen += is_message(view.bytes, 2); });
  CHECK(seen == 1);
  CHECK(pair.reader.dropped_messages() == 1);
}

TEST_CASE("shared frames: a record that got its room across the end of the ring begins behind it") {
  using Blocks = ring::SharedProducer<FrameBlock, InterruptedAtomics>;
  SharedRing ring(16);
  auto producer = *Blocks::join(ring.memory(), 7, ring::test::nobody_is_dead, parks);
  auto blocks = ring.reader(0);
  FrameWriter<Blocks, InterruptedAtomics> writer(producer);
  FrameReader<ring::SharedReader<FrameBlock>> reader(blocks);
  const auto poll = [&] { return reader.poll([](const View& view) { CHECK(is_message(view.bytes, 1)); }).messages; };
  for (int round = 0; round < 2; ++round) {
    CHECK(poll() == (round == 0 ? 0 : 15));
    for (int i = 0; i < 15; ++i) {
      CHECK(writer.write(message(8, 1)) == WriteResult::written);
    }
  }
  // It has no room before the end. While it waits for any, the reader makes some on both sides of it.
  InterruptedAtomics::before(&ring.lines().shared->tail, 2, [&] { CHECK(poll() == 15); });
  CHECK(writer.write_until(message(150, 1), never) == WriteResult::written);
  CHECK(InterruptedAtomics::left() == 0);
  CHECK(writer.last_id() == 33); // behind the rest of the lap, and what was claimed across its end
  // Room that lies in a row is taken as it is; without any there is no claim.
  std::uint64_t unread = 1;
  while (writer.write(message(8, 1)) == WriteResult::written) {
    ++unread;
  }
  CHECK(writer.write_until(message(8, 1), monotonic_now()) == WriteResult::full);
  InterruptedAtomics::before(&ring.lines().shared->tail, 2, [&] { unread -= poll(); });
  CHECK(writer.write_until(message(8, 1), never) == WriteResult::written);
  ++unread;
  CHECK(InterruptedAtomics::left() == 0);
  CHECK(poll() == unread);
}

TEST_CASE("reassembler: when every buffer is in use the message that was begun first makes room, wherever it lies") {
  Reassembler reassembler(1'000, 2);
  const auto bytes = message(40, 1);
  const auto begin = [&](std::uint64_t position) {
    return reassembler.feed(header_of(position, RecordForm::first, sizeof(FragmentHeader) + bytes.size(), 0),
                            {.message = position, .total = 80, .offset = 0}, bytes);
  };
  const auto end = [&](std::uint64_t message, std::uint64_t position) {
    return reassembler.feed(header_of(position, RecordForm::last, sizeof(FragmentHeader) + bytes.size(), 0),
                            {.message = message, .total = 80, .offset = 40}, bytes);
  };
  for (std::uint64_t position = 0; position < 4; ++position) { // 2 in the place of 0, 3 in that of 1
    CHECK(begin(position) == AssemblyResult::taken);
  }
  CHECK(reassembler.dropped() == 2);
  CHECK(end(0, 4) == AssemblyResult::ignored);
  CHECK(end(1, 5) == AssemblyResult::ignored);
  CHECK(end(2, 6) == AssemblyResult::complete);
  CHECK(begin(7) == AssemblyResult::taken); // 2 is complete and not released, so it is 3 that goes
  CHECK(end(3, 8) == AssemblyResult::ignored);
}
