#include "../words.hpp"
#include "frame_fixture.hpp"

#include <doctest/doctest.h>

#include <stdexcept>
#include <thread>

using namespace ringfleet;
using namespace ringfleet::frame;
using namespace ringfleet::frame::test;

namespace {

// The next message is number `number`, of `length` bytes.
void check_next(MessageReader& reader, std::uint64_t length, std::uint64_t number) {
  CAPTURE(length);
  CAPTURE(number);
  const auto result = reader.poll(
      [&](const View& view) {
        CHECK(view.bytes.size() == length);
        CHECK(is_message(view.bytes, number));
      },
      1);
  CHECK(result.messages == 1);
}

} // namespace

// T3
TEST_CASE("frame: a message arrives as it was written, with its kind and an id, in place") {
  Pair pair(64);
  auto claim = pair.writer.claim(100);
  REQUIRE(claim);
  CHECK(claim.bytes().size() == 100);
  CHECK(reinterpret_cast<std::uintptr_t>(claim.bytes().data()) % payload_alignment == 0);
  const auto written_at = pair.ring.offset_of(claim.bytes().data());
  CHECK(written_at != FrameRing::elsewhere);
  fill(claim.bytes(), 7);
  const auto id = claim.commit(100, {.kind = 42});
  CHECK(pair.writer.last_id() == id);
  const auto result = pair.reader.poll([&](const View& view) {
    CHECK(pair.ring.offset_of(view.bytes.data()) == written_at);
    CHECK(view.bytes.size() == 100);
    CHECK(is_message(view.bytes, 7));
    CHECK(view.kind == 42);
    CHECK(view.id == id);
  });
  CHECK(result.messages == 1);
  CHECK(result.ended == ReadResult::empty);
  CHECK(pair.reader.poll([](const View&) {}).messages == 0);
}

TEST_CASE("frame: a message of 32 bytes takes one block") {
  Pair pair(64);
  for (std::uint64_t i = 0; i < 64; ++i) {
    CHECK(pair.writer.write(message(32, i)) == WriteResult::written);
  }
  CHECK(pair.writer.write(message(32, 64)) == WriteResult::full);
  for (std::uint64_t i = 0; i < 64; ++i) {
    check_next(pair.reader, 32, i);
  }
}

TEST_CASE("frame: every length around a block, a quarter of the ring and the largest message (T3)") {
  constexpr std::uint64_t capacity = 64;
  constexpr std::uint64_t max = 10'000; // more than twice the ring
  const auto quarter = record_bytes_max(capacity);
  CHECK(quarter == 16 * 64 - 16);
  std::vector<std::uint64_t> lengths{0, 1, 2, max - 1, max};
  for (const std::uint64_t edge :
       {std::uint64_t{48}, std::uint64_t{112}, quarter, 2 * quarter, capacity * 64, capacity * 64 - 160}) {
    for (auto length = edge - 26; length <= edge + 26; ++length) {
      lengths.push_back(length);
    }
  }
  for (std::uint64_t start = 0; start < capacity; ++start) {
    Pair pair(capacity, {.max_message = max}, {.max_message = max}, start);
    for (std::uint64_t i = 0; i < lengths.size(); ++i) {
      const auto bytes = message(lengths[i], i);
      auto result = pair.writer.write(bytes);
      if (result == WriteResult::needs_wait) {
        REQUIRE(bytes.size() + fragment_overhead_bytes > capacity * 64 - 200);
        continue;
      }
      REQUIRE(result == WriteResult::written);
      check_next(pair.reader, lengths[i], i);
    }
    CHECK(pair.reader.counts().malformed == 0);
    CHECK(pair.reader.dropped_messages() == 0);
  }
}

TEST_CASE("frame: a message above the maximum is refused by name, and nothing is changed (fault 37)") {
  Pair pair(64, {.max_message = 2'000});
  CHECK(pair.writer.write(message(2'001, 0)) == WriteResult::too_large);
  CHECK(pair.writer.write_until(message(2'001, 0), never) == WriteResult::too_large);
  CHECK(pair.writer.claim(2'001).result() == WriteResult::too_large);
  CHECK(pair.writer.claim(2'000).result() == WriteResult::needs_fragments);
  CHECK(pair.writer.claim(~std::uint64_t{0}).result() == WriteResult::too_large);
  CHECK(pair.writer.max_claim() == record_bytes_max(64));
  CHECK(pair.writer.write(message(2'000, 1)) == WriteResult::written);
  check_next(pair.reader, 2'000, 1);
  Pair unlimited(64, {.max_message = ~std::uint64_t{0}});
  CHECK(unlimited.writer.write(message(64 * 64, 0)) == WriteResult::needs_wait);
  CHECK(unlimited.writer.claim(~std::uint64_t{0}).result() == WriteResult::needs_fragments);
}

TEST_CASE("frame: a record that does not fit before the end of the ring begins at its start (wrap, T3)") {
  for (std::uint64_t length : {1U, 48U, 49U, 112U, 113U, 500U, 1'000U, 1'008U}) {
    for (std::uint64_t start = 0; start < 64; ++start) {
      Pair pair(64, {.max_message = 1 << 20}, {.max_message = 1 << 20}, start);
      for (std::uint64_t i = 0; i < 9; ++i) {
        auto claim = pair.writer.claim(length);
        REQUIRE(claim);
        REQUIRE(pair.ring.offset_of(claim.bytes().data()) + length <= 64 * sizeof(FrameBlock));
        fill(claim.bytes(), i);
        claim.commit(length);
        check_next(pair.reader, length, i);
      }
    }
  }
}

TEST_CASE("frame: an aborted or forgotten claim leaves nothing behind") {
  Pair pair(16);
  for (std::uint64_t i = 0; i < 100; ++i) {
    {
      auto forgotten = pair.writer.claim(150);
    }
    auto aborted = pair.writer.claim(200);
    fill(aborted.bytes(), 999);
    aborted.abort();
    CHECK_FALSE(aborted);
    REQUIRE_THROWS_AS(
        [&] {
          auto claim = pair.writer.claim(64);
          throw std::runtime_error("an encoder that fails");
        }(),
        std::runtime_error);
    REQUIRE(pair.writer.write(message(100, i)) == WriteResult::written);
    check_next(pair.reader, 100, i);
  }
}

TEST_CASE("frame: a commit may use less than was claimed, from anywhere in it; the rest is free again") {
  Pair pair(16);
  for (std::uint64_t i = 0; i < 13; ++i) {
    auto claim = pair.writer.claim(200);
    REQUIRE(claim);
    const auto part = claim.bytes().subspan(160, 40);
    fill(part, i);
    claim.commit(std::span<const std::byte>(part));
  }
  for (std::uint64_t i = 0; i < 13; ++i) {
    check_next(pair.reader, 40, i);
  }
  pair.writer.claim(100).commit(std::span<const std::byte>{});
  check_next(pair.reader, 0, 0);
}

TEST_CASE("frame: staged messages become visible together, by one publish") {
  Pair pair(64);
  for (std::uint64_t i = 0; i < 10; ++i) {
    CHECK(pair.writer.write(message(60, i), {.publish = false}) == WriteResult::written);
  }
  CHECK(pair.reader.poll([](const View&) {}).messages == 0);
  pair.writer.flush();
  std::uint64_t next = 0;
  CHECK(pair.reader.poll([&](const View& view) { CHECK(is_message(view.bytes, next++)); }).messages == 10);
  CHECK(pair.writer.write(message(60, 10), {.publish = false}) == WriteResult::written);
  CHECK(pair.writer.write(message(60, 11)) == WriteResult::written);
  CHECK(pair.reader.poll([&](const View& view) { CHECK(is_message(view.bytes, next++)); }).messages == 2);
}

TEST_CASE("frame: a writer that finds the ring full shows what it has staged") {
  Pair pair(8);
  std::uint64_t written = 0;
  while (pair.writer.write(message(30, written), {.publish = false}) == WriteResult::written) {
    ++written;
  }
  CHECK(written == 8);
  CHECK(pair.reader.poll([](const View&) {}).messages == 8);
  CHECK(pair.writer.write(message(30, written)) == WriteResult::written);
}

TEST_CASE("frame: held views stay valid, hold the writer back, and are released in order") {
  Pair pair(16, {.max_message = 1 << 16}, {.max_message = 1 << 16, .held_views = 4});
  for (std::uint64_t i = 0; i < 8; ++i) {
    REQUIRE(pair.writer.write(message(100, i)) == WriteResult::written);
  }
  View first;
  View second;
  REQUIRE(pair.reader.take(first) == ReadResult::message);
  REQUIRE(pair.reader.take(second) == ReadResult::message);
  CHECK(pair.reader.poll([](const View&) {}).messages == 6); // read, but behind what is held
  CHECK(pair.writer.write(message(100, 8)) == WriteResult::full);
  CHECK(is_message(first.bytes, 0));
  CHECK(is_message(second.bytes, 1));
  pair.reader.release_held();
  CHECK(pair.writer.write(message(100, 8)) == WriteResult::written);
  CHECK(pair.writer.write(message(100, 9)) == WriteResult::full);
  CHECK(is_message(second.bytes, 1));
  View third;
  REQUIRE(pair.reader.take(third) == ReadResult::message); // published while a view was held
  CHECK(is_message(third.bytes, 8));
  pair.reader.release_held(2);
  CHECK(pair.reader.held() == 0);
  for (std::uint64_t i = 9; i < 17; ++i) {
    REQUIRE(pair.writer.write(message(100, i)) == WriteResult::written);
  }
  View view;
  for (int i = 0; i < 4; ++i) {
    CHECK(pair.reader.take(view) == ReadResult::message);
  }
  CHECK(pair.reader.take(view) == ReadResult::held);
  pair.reader.release_held(4);
  CHECK(pair.reader.take(view) == ReadResult::message);
}

TEST_CASE("frame: whoever gives back more views than it holds gives back all of them, and is told") {
  Pair pair(16);
  CHECK(pair.reader.release_held() == ReadResult::empty);
  REQUIRE(pair.writer.write(message(100, 0)) == WriteResult::written);
  View view;
  REQUIRE(pair.reader.take(view) == ReadResult::message);
  CHECK(pair.reader.release_held(2) == ReadResult::empty);
  CHECK(pair.reader.held() == 0);
  CHECK(pair.reader.release_held(0) == ReadResult::message);
  for (std::uint64_t i = 1; i < 9; ++i) {
    CHECK(pair.writer.write(message(100, i)) == WriteResult::written); // nothing holds the writer back
  }
}

TEST_CASE("frame: a reader that may hold as many views as it likes holds as many as the ring has blocks") {
  Pair pair(16, {}, {.max_message = 1 << 10, .held_views = ~0U});
  for (std::uint64_t i = 0; i < 16; ++i) {
    REQUIRE(pair.writer.write(message(1, i)) == WriteResult::written);
  }
  View view;
  for (int i = 0; i < 16; ++i) {
    CHECK(pair.reader.take(view) == ReadResult::message);
  }
  CHECK(pair.reader.take(view) == ReadResult::held);
  Pair none(16, {}, {.max_message = 1 << 10, .held_views = 0});
  REQUIRE(none.writer.write(message(1, 0)) == WriteResult::written);
  CHECK(none.reader.take(view) == ReadResult::held);
  CHECK(none.reader.poll([](const View&) {}).messages == 1);
}

TEST_CASE("frame: a message whose handler throws counts as read") {
  Pair pair(16);
  REQUIRE(pair.writer.write(message(10, 0)) == WriteResult::written);
  REQUIRE(pair.writer.write(message(700, 1)) == WriteResult::written); // in fragments
  REQUIRE(pair.writer.write(message(10, 2)) == WriteResult::written);
  for (int i = 0; i < 2; ++i) {
    CHECK_THROWS_AS(pair.reader.poll([](const View&) { throw std::runtime_error("handler"); }), std::runtime_error);
  }
  check_next(pair.reader, 10, 2);
  CHECK(pair.writer.write(message(800, 3)) == WriteResult::written); // all that was read has been released
  check_next(pair.reader, 800, 3);
}

TEST_CASE("frame: a message of 64 MiB goes through a ring of 256 KiB, once (T3)") {
  constexpr std::uint64_t length = (64UL << 20) - 3;
  Pair pair(4'096, {.max_message = 64UL << 20}, {.max_message = 64UL << 20});
  Bytes bytes(length, std::byte{0x5a});
  for (std::uint64_t i = 0; i < length; i += 4'093) {
    bytes[i] = byte_of(1, i);
  }
  CHECK(pair.writer.write(bytes) == WriteResult::needs_wait);
  std::thread writing([&] {
    CHECK(pair.writer.write_until(bytes, never, {.kind = 5}) == WriteResult::written);
    CHECK(pair.writer.write_until(message(20, 9), never) == WriteResult::written);
  });
  std::uint64_t messages = 0;
  std::uint64_t wrong = 0;
  while (messages < 2) {
    wrong += pair.reader.wait(never) != ring::BarrierResult::reached;
    (void)pair.reader.poll([&](const View& view) {
      if (++messages == 2) {
        wrong += !is_message(view.bytes, 9);
        return;
      }
      wrong += view.bytes.size() != length || view.kind != 5;
      wrong += view.bytes.size() == length && std::memcmp(view.bytes.data(), bytes.data(), length) != 0;
    });
  }
  writing.join();
  CHECK(wrong == 0);
  CHECK(pair.reader.counts().reassembled == 1);
}

TEST_CASE("frame: each result and each fault has a word of its own") {
  CHECK(ringfleet::test::count_words<ReadResult>(100) == 8); // and one for all others
  CHECK(ringfleet::test::count_words<WriteResult>(100) == 8);
  CHECK(ringfleet::test::count_words<RecordFault>(100) == 8);
}
