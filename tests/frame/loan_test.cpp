#include "frame_fixture.hpp"

#include "../seed.hpp"

#include <doctest/doctest.h>

#include <deque>
#include <memory>
#include <random>

using namespace ringfleet;
using namespace ringfleet::frame;
using namespace ringfleet::frame::test;

namespace {

// Pages that nobody touches cost nothing, so an arena may be large.
class Segment {
public:
  explicit Segment(std::size_t bytes)
      : bytes_(bytes), memory_(static_cast<std::byte*>(::operator new(bytes, std::align_val_t{64}))) {
    std::fill_n(memory_.get(), sizeof(ArenaLines), std::byte{0});
  }
  std::span<std::byte> bytes() { return {memory_.get(), bytes_}; }

private:
  struct Free {
    void operator()(std::byte* memory) const { ::operator delete(memory, std::align_val_t{64}); }
  };
  std::size_t bytes_;
  std::unique_ptr<std::byte, Free> memory_;
};

struct LoanPair {
  explicit LoanPair(std::size_t capacity, std::size_t arena_bytes, const ReaderOptions& reader_options = {})
      : segment(sizeof(ArenaLines) + arena_bytes), arena(segment.bytes()), ring(capacity),
        producer(ring.memory(), parks), blocks(*BlockReader::join(ring.memory(), 0, {}, parks)),
        writer(producer, {.arena = &arena}), is_open(views.open(1, segment.bytes())),
        reader(blocks, with_arenas(reader_options)) {}

  ReaderOptions with_arenas(ReaderOptions options) const {
    options.max_message = 4'096;
    options.arenas = &views;
    return options;
  }
  WriteResult lend(std::uint64_t length, std::uint64_t number) {
    auto loan = writer.loan(length);
    if (!loan) {
      return loan.result();
    }
    fill(loan.bytes(), number);
    return loan.commit(length);
  }

  Segment segment;
  LoanArena<> arena;
  LoanViews views;
  FrameRing ring;
  BlockProducer producer;
  BlockReader blocks;
  Writer writer;
  bool is_open;
  MessageReader reader;
};

} // namespace

// T3, T5
TEST_CASE("loan: a message is written in the arena and read there, whatever its length") {
  for (const std::uint64_t length : {0UL, 1UL, 63UL, 64UL, 65UL, 4'096UL, 64UL << 20}) {
    CAPTURE(length);
    LoanPair pair(64, 64UL << 20);
    REQUIRE(pair.is_open);
    auto loan = pair.writer.loan(length);
    REQUIRE(loan);
    CHECK(loan.bytes().size() == length);
    CHECK(reinterpret_cast<std::uintptr_t>(loan.bytes().data()) % 64 == 0);
    const auto* written_at = loan.bytes().data();
    const auto ends = std::min<std::uint64_t>(length, 100);
    fill(loan.bytes().first(ends), 1);
    fill(loan.bytes().last(ends), 2);
    REQUIRE(loan.commit(length, {.kind = 9}) == WriteResult::written);
    CHECK_FALSE(loan);
    const auto result = pair.reader.poll([&](const View& view) {
      CHECK(view.bytes.data() == written_at);
      CHECK(view.bytes.size() == length);
      CHECK((length > 100 || is_message(view.bytes.last(ends), 2)));
      CHECK(is_message(view.bytes.last(ends), 2));
      CHECK(view.kind == 9);
      CHECK(view.id == pair.writer.last_id());
    });
    CHECK(result.messages == 1);
    CHECK(pair.reader.counts().loans == 1);
    CHECK(pair.writer.loan(pair.arena.size()).result() == WriteResult::written); // it came back
  }
}

TEST_CASE("loan: what cannot be lent is refused by name") {
  LoanPair pair(64, 4'096);
  CHECK(pair.writer.loan(4'097).result() == WriteResult::too_large);
  CHECK(pair.writer.loan(~std::uint64_t{0}).result() == WriteResult::too_large);
  {
    auto all = pair.writer.loan(4'096);
    REQUIRE(all);
    CHECK(pair.writer.loan(1).result() == WriteResult::full);
  }
  CHECK(pair.writer.loan(4'096)); // given up, and so back
  Pair without(64);
  CHECK(without.writer.loan(1).result() == WriteResult::no_arena);
}

TEST_CASE("loan: the memory comes back when the reader has passed the record, not before") {
  LoanPair pair(64, 4 * 64);
  for (std::uint64_t i = 0; i < 4; ++i) {
    REQUIRE(pair.lend(64, i) == WriteResult::written);
  }
  CHECK(pair.lend(64, 4) == WriteResult::full);
  View first;
  View second;
  REQUIRE(pair.reader.take(first) == ReadResult::message);
  REQUIRE(pair.reader.take(second) == ReadResult::message);
  CHECK(pair.lend(64, 4) == WriteResult::full);
  CHECK(is_message(first.bytes, 0));
  CHECK(pair.reader.release_held() == ReadResult::message);
  CHECK(pair.lend(64, 4) == WriteResult::written);
  CHECK(pair.lend(64, 5) == WriteResult::full);
  CHECK(is_message(second.bytes, 1));
  CHECK(pair.reader.release_held() == ReadResult::message);
  std::uint64_t next = 2;
  for (int i = 0; i < 2; ++i) { // what was seen before, then what has come since
    (void)pair.reader.poll([&](const View& view) { CHECK(is_message(view.bytes, next++)); });
  }
  CHECK(next == 5);
}

TEST_CASE("loan: several are open at once, committed in any order, or given up; any part is the message") {
  LoanPair pair(64, 64UL << 10);
  for (int round = 0; round < 200; ++round) {
    auto a = pair.writer.loan(1'000);
    auto b = pair.writer.loan(2'000);
    auto c = pair.writer.loan(3'000);
    REQUIRE((a && b && c));
    const auto part = c.bytes().subspan(2'500, 400);
    fill(part, 3);
    fill(a.bytes(), 1);
    REQUIRE(c.commit(std::span<const std::byte>(part)) == WriteResult::written);
    b.abort();
    REQUIRE(a.commit(999) == WriteResult::written);
    std::vector<std::uint64_t> lengths;
    (void)pair.reader.poll([&](const View& view) {
      CHECK(is_message(view.bytes, view.bytes.size() == 400 ? 3 : 1));
      lengths.push_back(view.bytes.size());
    });
    CHECK(lengths == std::vector<std::uint64_t>{400, 999});
  }
}

TEST_CASE("loan: a full ring leaves the loan open, to be committed later") {
  LoanPair pair(4, 4'096);
  for (std::uint64_t i = 0; i < 4; ++i) {
    REQUIRE(pair.writer.write(message(10, i)) == WriteResult::written);
  }
  auto loan = pair.writer.loan(100);
  fill(loan.bytes(), 7);
  CHECK(loan.commit(100) == WriteResult::full);
  REQUIRE(loan);
  CHECK(pair.reader.poll([](const View&) {}).messages == 4);
  CHECK(loan.commit(100) == WriteResult::written);
  CHECK(pair.reader.poll([](const View& view) { CHECK(is_message(view.bytes, 7)); }).messages == 1);
}

TEST_CASE("loan: a writer whose reader keeps up lends the same few blocks again") {
  LoanPair pair(64, 1UL << 20);
  const auto* lowest = pair.segment.bytes().data();
  for (std::uint64_t i = 0; i < 10'000; ++i) {
    auto loan = pair.writer.loan(64);
    REQUIRE(loan);
    CHECK(loan.bytes().data() < lowest + 64 * 32);
    REQUIRE(loan.commit(64) == WriteResult::written);
    (void)pair.reader.poll([](const View&) {});
  }
}

// The floor: who joins at an older record is told that its memory is gone.
TEST_CASE("loan: a reader that joins at oldest never views memory that was lent again") {
  LoanPair pair(64, 8 * 64);
  for (std::uint64_t i = 0; i < 20; ++i) {
    REQUIRE(pair.lend(64, i) == WriteResult::written);
    (void)pair.reader.poll([](const View&) {});
  }
  auto blocks = BlockReader::join(pair.ring.memory(), 1, {.from = ring::JoinFrom::oldest}, parks);
  REQUIRE(blocks);
  MessageReader late(*blocks, pair.with_arenas({}));
  std::uint64_t seen = 0;
  (void)late.poll([&](const View& view) {
    ++seen;
    CHECK(is_message(view.bytes, view.id));
  });
  CHECK(seen + late.counts().loans_void == 20);
  CHECK(seen > 0);
  CHECK(late.counts().loans_void > 0);
}

// T7
TEST_CASE("loan: a restarted writer does not touch what its predecessor had lent before it is read") {
  LoanPair pair(64, 8 * 64);
  for (std::uint64_t i = 0; i < 5; ++i) {
    REQUIRE(pair.lend(64, i) == WriteResult::written);
  }
  LoanArena<> arena(pair.segment.bytes());
  BlockProducer producer(pair.ring.memory(), parks);
  Writer writer(producer, {.arena = &arena});
  CHECK(writer.loan(1).result() == WriteResult::full);
  std::uint64_t next = 0;
  (void)pair.reader.poll([&](const View& view) { CHECK(is_message(view.bytes, next++)); });
  CHECK(next == 5);
  auto loan = writer.loan(8 * 64);
  REQUIRE(loan);
  fill(loan.bytes(), 5);
  REQUIRE(loan.commit(8 * 64) == WriteResult::written);
  CHECK(pair.reader.poll([&](const View& view) { CHECK(is_message(view.bytes, 5)); }).messages == 1);
}

TEST_CASE("loan: random loans, orders and releases agree with a model") {
  const auto seed = ringfleet::test::seed_or(555);
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  LoanPair pair(32, 8'192, {.held_views = 8});
  struct Open {
    Writer::Loan loan;
    std::uint64_t number;
  };
  std::vector<Open> open;
  std::deque<std::uint64_t> written;
  struct Taken {
    View view;
    std::uint64_t number;
  };
  std::deque<Taken> held;
  std::uint64_t number = 0;
  for (unsigned round = 0; round < 100'000 / scale_down; ++round) {
    switch (random() % 5) {
    case 0:
    case 1:
      if (auto loan = pair.writer.loan(random() % (random() % 10 == 0 ? 8'192 : 700))) {
        fill(loan.bytes(), number);
        open.push_back({std::move(loan), number++});
      }
      break;
    case 2:
      if (!open.empty()) {
        const auto index = random() % open.size();
        auto& chosen = open[index];
        if (random() % 4 == 0) {
          chosen.loan.abort();
        } else if (chosen.loan.commit(chosen.loan.bytes().size()) == WriteResult::written) {
          written.push_back(chosen.number);
        }
        if (!chosen.loan) {
          open.erase(open.begin() + static_cast<std::ptrdiff_t>(index));
        }
      }
      break;
    case 3: {
      View view;
      if (pair.reader.take(view) == ReadResult::message) {
        REQUIRE(!written.empty());
        held.push_back({view, written.front()});
        written.pop_front();
      }
      break;
    }
    default:
      if (!held.empty()) {
        REQUIRE(is_message(held.front().view.bytes, held.front().number));
        CHECK(pair.reader.release_held() == ReadResult::message);
        held.pop_front();
      }
    }
    if (open.size() > 6) {
      open.erase(open.begin());
    }
  }
  CHECK(number > 1'000 / scale_down);
}

// fault 21
TEST_CASE("loan: a record that says anything resolves inside an open arena or is malformed") {
  const auto seed = ringfleet::test::seed_or(777);
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  LoanPair pair(64, 4'096);
  const auto whole = pair.segment.bytes();
  std::uint64_t inside = 0;
  for (int round = 0; round < 20'000; ++round) {
    auto loan = pair.writer.loan(64);
    REQUIRE(loan);
    REQUIRE(loan.commit(64) == WriteResult::written);
    auto& block = pair.ring.block(pair.writer.last_id());
    auto record = load_part<LoanRecord>(block);
    switch (random() % 4) {
    case 0: record.payload ^= std::uint64_t{1} << (random() % 64); break;
    case 1: record.bytes ^= std::uint64_t{1} << (random() % 64); break;
    case 2: record.position ^= std::uint64_t{1} << (random() % 64); break;
    default: record = {random(), random(), random()};
    }
    store_part<LoanRecord>(block, record);
    const auto result = pair.reader.poll([&](const View& view) {
      ++inside;
      CHECK(view.bytes.data() >= whole.data() + sizeof(ArenaLines));
      CHECK(view.bytes.data() + view.bytes.size() <= whole.data() + whole.size());
    });
    CHECK((result.messages == 1 || result.ended == ReadResult::malformed || pair.reader.counts().loans_void != 0));
  }
  CHECK(inside > 0);
  CHECK(pair.reader.counts().malformed > 0);
  CHECK(pair.reader.last_fault() == RecordFault::loan);
}

TEST_CASE("loan_views: only a segment that can hold an arena is opened, once under each number") {
  Segment segment(4'096);
  LoanViews views;
  CHECK_FALSE(views.open(0, segment.bytes()));
  CHECK_FALSE(views.open(limits::arenas_per_side_max + 1, segment.bytes()));
  CHECK_FALSE(views.open(1, segment.bytes().first(64)));
  CHECK_FALSE(views.open(1, segment.bytes().subspan(8)));
  CHECK(views.open(1, segment.bytes()));
  CHECK_FALSE(views.open(1, segment.bytes()));
  CHECK(views.open(limits::arenas_per_side_max, segment.bytes()));
}
