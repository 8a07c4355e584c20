// A ring's memory behind one handle: every backing, one owner at a time, continued by the next one. (T6, T7, T12)

#include "space_fixture.hpp"

#include <csignal>
#include <vector>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::ring;
using namespace ringfleet::ring::test;

namespace {

BarrierOptions shared_options() {
  return {.waiting = Waiting::park, .obituary = nullptr, .dead = nullptr, .shared = true};
}

bool push(Producer<Tick>& producer, std::uint64_t number) {
  return producer.try_push(Tick{number, 2 * number}) == ClaimResult::claimed;
}

// Reads what is there; the first number, or ~0 when one is wrong.
std::vector<std::uint64_t> read_there(Reader<Tick>& reader) {
  std::vector<std::uint64_t> numbers;
  (void)reader.poll([&](const Tick& tick) { numbers.push_back(tick.twice == 2 * tick.number ? tick.number : ~0ULL); });
  return numbers;
}

void round_trip(const RingSpace& producing, const RingSpace& reading) {
  Producer<Tick> producer(producing.memory<Tick>(), shared_options());
  auto reader = Reader<Tick>::join(reading.memory<Tick>(), 0, {}, shared_options());
  REQUIRE(reader);
  CHECK(push(producer, 1));
  CHECK(push(producer, 2));
  CHECK(read_there(*reader) == std::vector<std::uint64_t>{1, 2});
}

} // namespace

TEST_CASE("ring space: elements go through shared memory, a file, a memory file and the heap alike") { // T6
  SUBCASE("shm") {
    ScratchRing scratch(memory::Backing::shm);
    const auto owner = RingSpace::create(ticks_at(scratch.place()));
    round_trip(owner, RingSpace::attach(scratch.place(), ticks()));
    CHECK(scratch.count_files() == 2);
  }
  SUBCASE("file") {
    ScratchRing scratch(memory::Backing::file);
    const auto owner = RingSpace::create(ticks_at(scratch.place()));
    round_trip(owner, RingSpace::attach(scratch.place(), ticks()));
    CHECK(scratch.count_files() == 2);
  }
  SUBCASE("anonymous") {
    const auto owner = RingSpace::create(ticks_at(memory::Place::anonymous("ticks")));
    round_trip(owner, RingSpace::attach(owner.descriptors(), ticks(), "ticks"));
    round_trip(owner, owner.share());
  }
  SUBCASE("heap") {
    const auto owner = RingSpace::create(ticks_at(memory::Place::heap()));
    round_trip(owner, owner.share());
  }
}

TEST_CASE("ring space: an arena is a third segment, written by the producer, read by readers") {
  ScratchRing scratch(memory::Backing::shm);
  auto spec = ticks_at(scratch.place());
  spec.arena_bytes = 10'000;
  const auto owner = RingSpace::create(spec);
  const auto reader = RingSpace::attach(scratch.place(), ticks());
  CHECK(scratch.count_files() == 3);
  CHECK(owner.arena().size() == 12'288);
  owner.arena()[9'999] = std::byte{7};
  CHECK(reader.arena()[9'999] == std::byte{7});
  const auto status = in_forked_child([&] {
    const auto own = RingSpace::attach(scratch.place(), ticks());
    own.arena()[0] = std::byte{1};
    return 0;
  });
  CHECK(status == os::ExitStatus{.signalled = true, .code = SIGSEGV});
}

TEST_CASE("ring space: a reader cannot write what the producer writes") {
  ScratchRing scratch(memory::Backing::shm);
  const auto owner = RingSpace::create(ticks_at(scratch.place()));
  const auto status = in_forked_child([&] {
    const auto own = RingSpace::attach(scratch.place(), ticks());
    own.lines().producer->cursor.publish(1);
    return 0;
  });
  CHECK(status == os::ExitStatus{.signalled = true, .code = SIGSEGV});
}

TEST_CASE("ring space: a second owner is refused, by the pid of the first") {
  ScratchRing scratch(memory::Backing::shm);
  const auto owner = RingSpace::create(ticks_at(scratch.place()));
  std::string text;
  CHECK(error_of([&] { (void)RingSpace::create(ticks_at(scratch.place())); }, &text) == ErrorCode::already_exists);
  CHECK(contains(text, "process " + std::to_string(::getpid()) + " owns it"));
  auto replacing = ticks_at(scratch.place());
  replacing.existing = Existing::replace;
  CHECK(error_of([&] { (void)RingSpace::create(replacing); }) == ErrorCode::already_exists);
}

TEST_CASE("ring space: the next owner continues the ring under the next generation (T7)") {
  for (const auto backing : {memory::Backing::shm, memory::Backing::file}) {
    ScratchRing scratch(backing);
    const auto status = in_forked_child([&] {
      const auto owner = RingSpace::create(ticks_at(scratch.place()));
      Producer<Tick> producer(owner.memory<Tick>(), shared_options());
      for (std::uint64_t number = 0; number < 10; ++number) {
        (void)push(producer, number);
      }
      return ::raise(SIGKILL);
    });
    CHECK(status.code == SIGKILL);
    const auto reading = RingSpace::attach(scratch.place(), ticks());
    CHECK(reading.owner().generation == 1);
    auto reader = Reader<Tick>::join(reading.memory<Tick>(), 0, {.from = JoinFrom::oldest}, shared_options());
    REQUIRE(reader);
    CHECK(read_there(*reader).size() == 10);
    const auto owner = RingSpace::create(ticks_at(scratch.place()));
    CHECK(reading.owner().generation == 2);
    CHECK(reading.owner().process == os::own_identity());
    Producer<Tick> producer(owner.memory<Tick>(), shared_options());
    CHECK(producer.published() == 10);
    CHECK(push(producer, 10));
    CHECK(read_there(*reader) == std::vector<std::uint64_t>{10});
  }
}

TEST_CASE("ring space: an owner that ends says so, and readers read what is left first") { // T12
  ScratchRing scratch(memory::Backing::shm);
  auto owner = RingSpace::create(ticks_at(scratch.place()));
  const auto reading = RingSpace::attach(scratch.place(), ticks());
  Producer<Tick> producer(owner.memory<Tick>(), shared_options());
  auto reader = Reader<Tick>::join(reading.memory<Tick>(), 0, {}, shared_options());
  REQUIRE(reader);
  CHECK(push(producer, 1));
  owner.end_ownership();
  CHECK(reading.owner().state == OwnerState::absent);
  CHECK(read_there(*reader) == std::vector<std::uint64_t>{1});
  CHECK(reader->poll([](const Tick&) {}).result == ReadResult::detached);
}

TEST_CASE("ring space: a replaced ring tells its readers, and the new one is another") {
  ScratchRing scratch(memory::Backing::shm);
  auto spec = ticks_at(scratch.place());
  {
    const auto owner = RingSpace::create(spec);
  }
  const auto before = RingSpace::attach(scratch.place(), ticks());
  spec.existing = Existing::replace;
  spec.capacity = 128;
  const auto owner = RingSpace::create(spec);
  CHECK(before.owner().state == OwnerState::replaced);
  const auto after = RingSpace::attach(scratch.place(), ticks());
  CHECK(after.facts().capacity == 128);
  CHECK(after.facts().birth != before.facts().birth);
}
