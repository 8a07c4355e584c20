#include "frame_fixture.hpp"

#include "../seed.hpp"

#include <atomic>
#include <doctest/doctest.h>
#include <functional>
#include <random>
#include <thread>

using namespace ringfleet;
using namespace ringfleet::frame;
using namespace ringfleet::frame::test;

namespace {

constexpr ReaderOptions small_reader{.max_message = 8'192};

bool is_inside(const View& view, FrameRing& ring) {
  const std::less_equal<const std::byte*> is_not_after;
  return is_not_after(ring.block(0).bytes, view.bytes.data()) &&
         is_not_after(view.bytes.data() + view.bytes.size(), ring.block(ring.capacity() - 1).bytes + 64);
}

// Reads whatever is there; an answer within a bound is all that is asked for. Every byte handed out is touched.
std::uint64_t drain(Pair& pair, std::uint64_t& sum) {
  std::uint64_t reported = 0;
  for (int polls = 0; polls < 10; ++polls) {
    const auto result = pair.reader.poll([&](const View& view) {
      CHECK((is_inside(view, pair.ring) || view.bytes.size() <= small_reader.max_message));
      for (const auto byte : view.bytes) {
        sum += std::to_integer<unsigned>(byte);
      }
    });
    CHECK(result.messages <= pair.ring.capacity());
    reported += result.ended == ReadResult::malformed;
    if (result.ended == ReadResult::empty && result.messages == 0) {
      break;
    }
  }
  return reported;
}

// Two messages before, two behind, and in the middle one that is changed once it is published.
template <class Change>
std::uint64_t with_changed_record(std::uint64_t length, Change&& change) {
  Pair pair(64, {.max_message = 1 << 16}, small_reader);
  REQUIRE(pair.writer.write(message(100, 1)) == WriteResult::written);
  REQUIRE(pair.writer.write(message(length, 2)) == WriteResult::written);
  const auto id = pair.writer.last_id();
  REQUIRE(pair.writer.write(message(100, 3)) == WriteResult::written);
  change(pair.ring.block(id));
  std::uint64_t sum = 0;
  const auto reported = drain(pair, sum);
  // Whatever that was: what is written from now on arrives.
  REQUIRE(pair.writer.write(message(77, 4)) == WriteResult::written);
  bool arrived = false;
  for (int polls = 0; polls < 3; ++polls) {
    (void)pair.reader.poll(
        [&](const View& view) { arrived = arrived || (view.bytes.size() == 77 && is_message(view.bytes, 4)); });
  }
  CHECK(arrived);
  return reported;
}

} // namespace

// faults 20, 21
TEST_CASE("frame: every flipped bit of a header is survived, and reported where it can be told") {
  for (const std::uint64_t length : {32U, 100U, 1'500U}) {
    std::uint64_t reported = 0;
    for (unsigned bit = 0; bit < 40 * 8; ++bit) {
      CAPTURE(bit);
      const auto told = with_changed_record(
          length, [&](FrameBlock& block) { block.bytes[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8)); });
      const bool is_position = bit >= 64 && bit < 128;
      const bool is_zero = bit >= 56 && bit < 64;
      CHECK((!(is_position || is_zero) || told != 0));
      reported += told;
    }
    CHECK(reported > 64);
  }
}

TEST_CASE("frame: each field of each form of record with a value that cannot be is reported by name") {
  const auto fault_of = [](std::uint64_t length, const std::function<void(RecordHeader&, FragmentHeader&)>& change) {
    Pair pair(64, {.max_message = 1 << 16}, small_reader);
    REQUIRE(pair.writer.write(message(length, 2)) == WriteResult::written);
    auto& block = pair.ring.block(pair.writer.last_id());
    auto header = load_header(block);
    auto fragment = load_part<FragmentHeader>(block);
    change(header, fragment);
    store_header(block, header);
    store_part(block, fragment);
    const auto result = pair.reader.poll([](const View&) { FAIL("this is not a message"); });
    CHECK(result.ended == ReadResult::malformed);
    CHECK(pair.reader.counts().malformed == 1);
    return pair.reader.last_fault();
  };
  using Header = RecordHeader;
  using Fragment = FragmentHeader;
  constexpr auto small = 40;
  constexpr auto large = 2'000;
  CHECK(fault_of(small, [](Header& h, Fragment&) { h.form = RecordForm{0}; }) == RecordFault::form);
  CHECK(fault_of(small, [](Header& h, Fragment&) { h.form = RecordForm{8}; }) == RecordFault::form);
  CHECK(fault_of(small, [](Header& h, Fragment&) { h.zero = 1; }) == RecordFault::form);
  CHECK(fault_of(small, [](Header& h, Fragment&) { ++h.position; }) == RecordFault::position);
  CHECK(fault_of(small, [](Header& h, Fragment&) { h.position += 64; }) == RecordFault::position);
  CHECK(fault_of(small, [](Header& h, Fragment&) { h.length = 49; }) == RecordFault::length);
  CHECK(fault_of(small, [](Header& h, Fragment&) { h.length = ~0U; }) == RecordFault::length);
  CHECK(fault_of(small, [](Header& h, Fragment&) { h.form = RecordForm::aborted; }) == RecordFault::length);
  CHECK(fault_of(small, [](Header& h, Fragment&) { h.form = RecordForm::loan; }) == RecordFault::length);
  CHECK(fault_of(24, [](Header& h, Fragment&) { h.form = RecordForm::loan; }) == RecordFault::loan);
  CHECK(fault_of(24, [](Header& h, Fragment&) { h.form = RecordForm::middle; }) == RecordFault::length);
  CHECK(fault_of(large, [](Header&, Fragment& f) { f.total = 100'000; }) == RecordFault::oversize);
  CHECK(fault_of(large, [](Header&, Fragment& f) { f.total = ~0ULL; }) == RecordFault::oversize);
  CHECK(fault_of(large, [](Header&, Fragment& f) { f.total = 5; }) == RecordFault::fragment);
  CHECK(fault_of(large, [](Header&, Fragment& f) { f.total += 1; }) == RecordFault::fragment);
  CHECK(fault_of(large, [](Header&, Fragment& f) { f.offset = 1; }) == RecordFault::fragment);
  CHECK(fault_of(large, [](Header&, Fragment& f) { f.message += 1; }) == RecordFault::fragment);
  CHECK(fault_of(large, [](Header& h, Fragment& f) {
          h.form = RecordForm::middle;
          f.message = h.position + 1;
        }) == RecordFault::fragment);
}

TEST_CASE("frame: a record that would leave the ring at its end is refused, however much is published behind it") {
  for (const std::uint64_t blocks_left : {1U, 2U, 5U}) {
    CAPTURE(blocks_left);
    const std::uint64_t first = 64 - blocks_left;
    Pair pair(64, {.max_message = 1 << 16}, small_reader, first);
    for (std::uint64_t i = 0; i < 30; ++i) {
      REQUIRE(pair.writer.write(message(40, i)) == WriteResult::written);
    }
    auto& block = pair.ring.block(first);
    auto header = load_header(block);
    header.length = static_cast<std::uint32_t>((blocks_left + 1) * 64 - record_header_bytes);
    store_header(block, header);
    const auto result = pair.reader.poll([](const View&) { FAIL("this is not a message"); }, 1);
    CHECK(result.ended == ReadResult::malformed);
    CHECK(pair.reader.last_fault() == RecordFault::length);
  }
}

TEST_CASE("frame: random garbage in published blocks is survived, and what follows arrives") {
  const auto seed = ringfleet::test::seed_or(4'242);
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  std::uint64_t reported = 0;
  for (unsigned round = 0; round < 30'000 / scale_down; ++round) {
    reported += with_changed_record(random() % 2'000, [&](FrameBlock& block) {
      auto header = load_header(block);
      // Nearly right is worse than random.
      switch (random() % 4) {
      case 0: header = std::bit_cast<RecordHeader>(std::array<std::uint64_t, 2>{random(), random()}); break;
      case 1: header.length = static_cast<std::uint32_t>(random() % 5'000); break;
      case 2: header.form = static_cast<RecordForm>(random() % 9); break;
      default:
        header.form = static_cast<RecordForm>(1 + random() % 7);
        header.length = static_cast<std::uint32_t>(random() % 200);
      }
      store_header(block, header);
      if (random() % 2 == 0) {
        store_part<FragmentHeader>(block, {header.position - random() % 2, random() % 9'000, random() % 3});
      }
    });
  }
  CHECK(reported > 0);
}

TEST_CASE("frame: a cursor that says anything is survived") {
  std::mt19937_64 random(ringfleet::test::seed_or(99));
  for (int round = 0; round < 500; ++round) {
    Pair pair(64, {.max_message = 1 << 16}, small_reader);
    REQUIRE(pair.writer.write(message(1'000, 1)) == WriteResult::written);
    pair.ring.memory().producer.cursor.publish(round % 3 == 0 ? random() : random() % 1'000);
    std::uint64_t sum = 0;
    (void)drain(pair, sum);
    pair.reader.end_sole_use();
    MessageReader newcomer(pair.blocks, small_reader);
    CHECK(newcomer.position() - pair.blocks.position() <= 64);
  }
}

#if !defined(__SANITIZE_THREAD__)
// fault 21: a race with a writer that breaks every rule, so no business of ThreadSanitizer
TEST_CASE("frame: headers that change while they are read are survived") {
  Pair pair(64, {.max_message = 1 << 16}, small_reader);
  std::atomic<bool> done = false;
  std::thread flipping([&] {
    std::mt19937_64 random(5);
    while (!done) {
      auto& block = pair.ring.block(random());
      Atomics::store_relaxed(frame::detail::word_of(block, random() % 5),
                             random() % 4 == 0 ? random() : random() % 300);
    }
  });
  std::mt19937_64 random(6);
  std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < 60'000 / scale_down; ++i) {
    (void)pair.writer.write(message(random() % 1'500, i));
    (void)drain(pair, sum);
  }
  done = true;
  flipping.join();
  CHECK(sum > 0);
}
#endif
