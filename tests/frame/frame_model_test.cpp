#include "frame_fixture.hpp"

#include "../allocations.hpp"
#include "../seed.hpp"

#include <deque>
#include <doctest/doctest.h>
#include <random>

using namespace ringfleet;
using namespace ringfleet::frame;
using namespace ringfleet::frame::test;

namespace {

struct Expected {
  std::uint64_t number;
  std::uint64_t length;
  std::uint16_t kind;
};

void check(const View& view, const Expected& expected) {
  REQUIRE(view.bytes.size() == expected.length);
  REQUIRE(is_message(view.bytes, expected.number));
  REQUIRE(view.kind == expected.kind);
}

// What the writer does, and what the reader then has to get.
class Model {
public:
  Model(std::uint64_t seed, std::uint64_t capacity)
      : random_(seed), pair_(capacity, {.max_message = 3 * capacity * 64},
                             {.max_message = 3 * capacity * 64, .held_views = 5}, random_() % 1'000'000) {}

  void step() {
    switch (random_() % 9) {
    case 0:
    case 1: {
      const auto bytes = next_message();
      note(pair_.writer.write(bytes, options()));
      break;
    }
    case 2: claim(); break;
    case 3: {
      const auto bytes = next_message();
      note(pair_.writer.write_until(bytes, monotonic_now(), options()));
      break;
    }
    case 4: pair_.writer.flush(); break;
    case 5:
    case 6: poll(); break;
    case 7: take(); break;
    default: release();
    }
  }
  void finish() {
    pair_.writer.flush();
    while (!held_.empty()) {
      release();
    }
    for (int i = 0; i < 3; ++i) {
      poll();
    }
    for (int i = 0; i < 1'000 && !expected_.empty(); ++i) {
      poll();
    }
    CHECK(expected_.empty());
    CHECK(pair_.reader.counts().malformed == 0);
    CHECK(written_ > 0);
  }
  std::uint64_t dropped() const { return pair_.reader.dropped_messages(); }
  std::uint64_t reassembled() const { return pair_.reader.counts().reassembled; }

private:
  std::uint64_t length() {
    const auto ring_bytes = pair_.ring.capacity() * 64;
    switch (random_() % 8) {
    case 0: return random_() % (3 * ring_bytes + 1);
    case 1: return random_() % ring_bytes;
    case 2: return random_() % (ring_bytes / 4);
    default: return random_() % 200;
    }
  }
  Bytes next_message() {
    last_ = {++number_, length(), static_cast<std::uint16_t>(random_() % 65'536)};
    return message(last_.length, last_.number);
  }
  CommitOptions options() { return {.kind = last_.kind, .publish = random_() % 3 != 0}; }
  void note(WriteResult result) {
    REQUIRE(result != WriteResult::too_large);
    if (result == WriteResult::written) {
      expected_.push_back(last_);
      ++written_;
    }
  }
  void claim() {
    const auto bytes = next_message();
    auto claim = pair_.writer.claim(bytes.size() + random_() % 100);
    if (!claim || random_() % 4 == 0) {
      return;
    }
    const auto front = random_() % (claim.bytes().size() - bytes.size() + 1);
    const auto part = claim.bytes().subspan(front, bytes.size());
    std::ranges::copy(bytes, part.begin());
    claim.commit(std::span<const std::byte>(part), options());
    note(WriteResult::written);
  }
  void poll() {
    const auto result = pair_.reader.poll(
        [&](const View& view) {
          REQUIRE(!expected_.empty());
          check(view, expected_.front());
          expected_.pop_front();
        },
        random_() % 6);
    REQUIRE(result.ended != ReadResult::malformed);
  }
  void take() {
    View view;
    const auto result = pair_.reader.take(view);
    REQUIRE(result != ReadResult::malformed);
    if (result == ReadResult::message) {
      REQUIRE(!expected_.empty());
      check(view, expected_.front());
      held_.push_back({view, expected_.front()});
      expected_.pop_front();
    }
  }
  void release() {
    if (!held_.empty()) {
      check(held_.front().view, held_.front().expected);
      held_.pop_front();
      REQUIRE(pair_.reader.release_held() == ReadResult::message);
    }
  }

  struct Held {
    View view;
    Expected expected;
  };
  std::mt19937_64 random_;
  Pair pair_;
  std::deque<Expected> expected_;
  std::deque<Held> held_;
  Expected last_{};
  std::uint64_t number_ = 0;
  std::uint64_t written_ = 0;
};

} // namespace

// T3
TEST_CASE("frame: random lengths, claims, aborts, batches and held views agree with a model") {
  const auto seed = ringfleet::test::seed_or(31'337);
  CAPTURE(seed);
  std::uint64_t dropped = 0;
  std::uint64_t reassembled = 0;
  for (const std::uint64_t capacity : {4U, 8U, 64U, 256U}) {
    CAPTURE(capacity);
    Model model(seed + capacity, capacity);
    for (unsigned i = 0; i < 20'000 / scale_down; ++i) {
      model.step();
    }
    model.finish();
    dropped += model.dropped();
    reassembled += model.reassembled();
  }
  CHECK(dropped > 0); // messages given up half-way, which no reader ever saw
  CHECK(reassembled > 0);
}

TEST_CASE("frame: a message that cannot be finished in time is never delivered, and the next ones are") {
  Pair pair(16, {.max_message = 1 << 20}, {.max_message = 1 << 20});
  for (std::uint64_t i = 0; i < 50; ++i) {
    REQUIRE(pair.writer.write_until(message(5'000, 1'000), monotonic_now()) == WriteResult::full);
    const auto at_most_padding = pair.reader.poll([](const View&) { FAIL("half a message"); });
    CHECK(at_most_padding.messages == 0);
    REQUIRE(pair.writer.write(message(40, i)) == WriteResult::written);
    std::uint64_t seen = 0;
    for (int polls = 0; polls < 3; ++polls) {
      (void)pair.reader.poll([&](const View& view) {
        CHECK(is_message(view.bytes, i));
        ++seen;
      });
    }
    CHECK(seen == 1);
    CHECK(pair.reader.dropped_messages() == i + 1); // at once, not when its buffer is needed
  }
  CHECK(pair.reader.counts().malformed == 0);
}

TEST_CASE("frame: a reader that joins in the middle of a message begins with the next one") {
  FrameRing ring(64);
  BlockProducer producer(ring.memory(), parks);
  Writer writer(producer);
  for (std::uint64_t i = 0; i < 40; ++i) {
    REQUIRE(writer.write(message(40 * i, i)) == WriteResult::written);
    for (const auto from : {ring::JoinFrom::oldest, ring::JoinFrom::latest}) {
      auto blocks = BlockReader::join(ring.memory(), 2, {.from = from}, parks);
      REQUIRE(blocks);
      MessageReader reader(*blocks, {.max_message = 1 << 16});
      std::uint64_t last = i;
      std::uint64_t seen = 0;
      (void)reader.poll([&](const View& view) {
        last = view.bytes.size() / 40;
        CHECK(view.bytes.size() % 40 == 0);
        CHECK(is_message(view.bytes, last));
        ++seen;
      });
      CHECK(reader.counts().malformed == 0);
      CHECK(last == i);
      CHECK((seen != 0) == (from == ring::JoinFrom::oldest));
    }
  }
}

TEST_CASE("frame: a reader learns that it was evicted, and that the writer is gone") {
  Pair pair(16);
  REQUIRE(pair.writer.write(message(10, 1)) == WriteResult::written);
  View view;
  REQUIRE(pair.reader.take(view) == ReadResult::message);
  REQUIRE(pair.producer.evict(0, pair.blocks.incarnation()));
  CHECK(pair.reader.release_held() == ReadResult::evicted);
  CHECK(pair.reader.poll([](const View&) {}).ended == ReadResult::evicted);

  Pair other(16);
  REQUIRE(other.writer.write(message(10, 1)) == WriteResult::written);
  other.producer.close();
  CHECK(other.reader.poll([](const View&) {}).messages == 1);
  CHECK(other.reader.poll([](const View&) {}).ended == ReadResult::detached);
  CHECK(other.reader.take(view) == ReadResult::detached);
  CHECK(other.reader.wait(never) == ring::BarrierResult::detached);
}

// T5
TEST_CASE("frame: the hot path asks for no memory") {
  std::vector<FrameBlock> segment(1 + 64);
  const auto arena_bytes = std::span(segment.data()->bytes, segment.size() * block_bytes);
  LoanArena<> arena(arena_bytes);
  LoanViews views;
  REQUIRE(views.open(1, arena_bytes));
  Pair pair(64, {.max_message = 1 << 16, .arena = &arena}, {.max_message = 1 << 16, .arenas = &views});
  const auto small = message(100, 1);
  const auto large = message(3'000, 2);
  std::uint64_t seen = 0;
  std::uint64_t written = 0;
  const auto before = ringfleet::test::allocations();
  for (int i = 0; i < 1'000; ++i) {
    written += pair.writer.write(small) == WriteResult::written;
    if (auto claim = pair.writer.claim(200)) {
      claim.commit(std::uint64_t{150}, {.publish = false});
      ++written;
    }
    pair.writer.flush();
    if (auto loan = pair.writer.loan(1'000)) {
      written += loan.commit(std::uint64_t{500}) == WriteResult::written;
    }
    View view;
    if (pair.reader.take(view) == ReadResult::message) {
      ++seen;
      (void)pair.reader.release_held();
    }
    for (int polls = 0; polls < 2; ++polls) {
      (void)pair.reader.poll([&](const View&) { ++seen; });
    }
    written += pair.writer.write(large) == WriteResult::written;
    (void)pair.reader.poll([&](const View&) { ++seen; });
  }
  const auto after = ringfleet::test::allocations();
  CHECK(after == before);
  CHECK(written == 4'000);
  CHECK(seen == 4'000);
}
