#include "../os/forked_child.hpp"
#include "ring_fixture.hpp"

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::ring;
using namespace ringfleet::ring::test;

namespace {

using Numbers = LossyReader<std::uint64_t>;

void push(Producer<std::uint64_t>& producer, std::uint64_t begin, std::uint64_t end) {
  for (auto number = begin; number < end; ++number) {
    REQUIRE(producer.try_push(number) == ClaimResult::claimed);
  }
}

} // namespace

// T9
TEST_CASE("lossy: a reader that keeps up gets everything, one that is lapped is told how much it lost") { // fault 38
  TestRing<std::uint64_t> ring(16);
  Producer<std::uint64_t> producer(ring.memory(), parks);
  auto reader = Numbers::join(ring.memory(), 0, {}, parks);
  REQUIRE(reader);
  std::uint64_t got = 0;
  CHECK(reader->read(got) == ReadResult::empty);
  push(producer, 0, 3);
  for (std::uint64_t i = 0; i < 3; ++i) {
    CHECK(reader->read(got) == ReadResult::ok);
    CHECK(got == i);
  }
  push(producer, 3, 103); // nobody holds it back
  std::array<std::uint64_t, 32> copies{};
  const auto lapped = reader->read(copies);
  CHECK(lapped.result == ReadResult::lapped);
  CHECK(reader->position() == 3 + lapped.count);
  CHECK(reader->lost() == lapped.count);
  const auto copied = reader->read(copies);
  CHECK(copied.result == ReadResult::ok);
  CHECK(copied.count >= 14); // seven eighths of the ring
  CHECK(3 + lapped.count + copied.count == 103);
  CHECK(copies[0] == 3 + lapped.count);
  CHECK(copies[copied.count - 1] == 102);
}

// T9
TEST_CASE("lossy: a reader goes on at the latest element when it is told to, and may begin at the oldest") {
  TestRing<std::uint64_t> ring(16);
  Producer<std::uint64_t> producer(ring.memory(), parks);
  auto reader = Numbers::watch(ring.memory(), {.resume = Resume::latest});
  push(producer, 0, 100);
  std::uint64_t got = 0;
  CHECK(reader->read(got) == ReadResult::lapped);
  CHECK(reader->position() == 100);
  CHECK(reader->lost() == 100);
  CHECK(reader->laps() == 1);
  push(producer, 100, 101);
  CHECK(reader->read(got) == ReadResult::ok);
  CHECK(got == 100);
  auto late = Numbers::watch(ring.memory(), {.from = JoinFrom::oldest});
  CHECK(late->position() <= 101 - 14);
  CHECK(late->read(got) == ReadResult::ok);
  CHECK(got == late->position() - 1);
  auto resumed = Numbers::watch(ring.memory(), {.from = JoinFrom::sequence, .position = 7});
  CHECK(resumed->read(got) == ReadResult::lapped);
  CHECK(resumed->position() == 7 + resumed->lost());
  CHECK_FALSE(Numbers::watch(ring.memory(), {.from = JoinFrom::sequence, .position = 102}));
}

namespace {

// Every word depends on the others: a copy of two halves does not pass.
struct Sealed {
  std::array<std::uint64_t, 3> words{};
  std::uint64_t check = 0;

  static Sealed of(std::uint64_t number) {
    Sealed sealed{{number, number * 0x9e3779b97f4a7c15ULL, ~number}, 0};
    sealed.check = sealed.sum();
    return sealed;
  }
  std::uint64_t sum() const { return words[0] ^ (words[1] << 1) ^ (words[2] * 3); }
};

// Atomic stores, so that ThreadSanitizer accepts the race that the check is there for.
void overwrite_all(Producer<Sealed>& producer, std::uint64_t total) {
  for (std::uint64_t number = 0; number < total; ++number) {
    std::uint64_t first = 0;
    if (producer.try_claim(1, first) == ClaimResult::claimed) {
      store_words(producer.slot(first), Sealed::of(number));
      producer.publish(first + 1);
    }
  }
  producer.close();
}

struct Account {
  std::uint64_t read = 0;
  std::uint64_t lost = 0;
  std::uint64_t torn = 0;
  std::uint64_t misplaced = 0;
};

Account read_until_closed(LossyReader<Sealed>& reader) {
  Account account;
  for (;;) {
    const auto before = reader.position();
    auto expected = before;
    const auto copied = reader.poll([&](const Sealed& sealed) {
      account.torn += sealed.check != sealed.sum();
      account.misplaced += sealed.words[0] != expected;
      ++expected;
    });
    if (copied.result == ReadResult::ok) {
      account.read += copied.count;
    } else if (copied.result == ReadResult::lapped) {
      account.lost += copied.count;
    } else if (copied.result == ReadResult::detached) {
      return account;
    } else {
      pause_core();
    }
    account.misplaced += reader.position() != before + copied.count;
  }
}

void expect_whole(const Account& account, std::uint64_t total) {
  MESSAGE(account.read, " read, ", account.lost, " lost of ", total);
  CHECK(account.torn == 0);
  CHECK(account.misplaced == 0);
  CHECK(account.read + account.lost == total);
  CHECK(account.read > 0);
  CHECK(account.lost > 0);
}

} // namespace

// T9, trap 4
TEST_CASE("lossy: nothing torn is accepted, and every element is read or counted as lost (threads)") {
  constexpr std::uint64_t total = 1'000'000 / scale_down;
  for (const auto capacity :
       {std::size_t{1}, std::size_t{4}}) { // small, so that the producer is always close behind the reader
    TestRing<Sealed> ring(capacity);
    Producer<Sealed> producer(ring.memory(), spins);
    auto reader = LossyReader<Sealed>::join(ring.memory(), 0, {}, spins);
    std::thread writing([&] { overwrite_all(producer, total); });
    const auto account = read_until_closed(*reader);
    writing.join();
    expect_whole(account, total);
  }
}

// T9, trap 4
TEST_CASE("lossy: nothing torn is accepted, with a reader at a larger ring that begins afresh at latest (threads)") {
  constexpr std::uint64_t total = 2'000'000 / scale_down;
  TestRing<Sealed> ring(64);
  Producer<Sealed> producer(ring.memory(), parks);
  auto latest = LossyReader<Sealed>::join(ring.memory(), 0, {.resume = Resume::latest}, parks);
  std::thread writing([&] { overwrite_all(producer, total); });
  const auto account = read_until_closed(*latest);
  writing.join();
  CHECK(account.torn == 0);
  CHECK(account.misplaced == 0);
  CHECK(account.read + account.lost == total);
}

// T9
TEST_CASE("lossy: nothing torn is accepted from another process, which never waits for its reader (10^7 laps)") {
  constexpr std::uint64_t total = 10'000'000 / scale_down;
  MappedRing<Sealed, 1> ring;
  auto reader = LossyReader<Sealed>::watch(ring.memory());
  const auto writer = ringfleet::test::fork_child([&] {
    Producer<Sealed> producer(ring.memory(), {.waiting = Waiting::spin});
    overwrite_all(producer, total);
    return producer.published() == total ? 0 : 1;
  });
  const auto account = read_until_closed(*reader);
  CHECK(ringfleet::test::wait_for_child(writer).code == 0);
  expect_whole(account, total);
}

// T9
TEST_CASE("lossy: a stopped reader holds nobody back, and a waiting one is woken") {
  TestRing<std::uint64_t> ring(8);
  Producer<std::uint64_t> producer(ring.memory(), parks);
  auto reader = Numbers::join(ring.memory(), 1, {}, parks);
  std::uint64_t got = 0;
  std::thread waiting([&] {
    CHECK(reader->wait(patience()) == BarrierResult::reached);
    CHECK(reader->read(got) == ReadResult::ok);
  });
  while (Atomics::load_acquire(ring.reader(1).awaited_cursor) != 1) { // it has said so before it sleeps
    std::this_thread::yield();
  }
  push(producer, 0, 1);
  waiting.join();
  push(producer, 1, 1'000);
  CHECK(reader->wait(patience()) == BarrierResult::reached);
  CHECK(reader->read(got) == ReadResult::lapped);
  CHECK_FALSE(Numbers::join(ring.memory(), 1, {}, parks)); // the line is taken
  reader->leave();
  CHECK(Numbers::join(ring.memory(), 1, {}, parks));
}
