// The memory of a ring with many producers: each creates, the first makes, all share; the dead are repaired. (T2, T13)

#include "space_fixture.hpp"

#include "ringfleet/os/file_lock.hpp"
#include "ringfleet/ring/members.hpp"
#include "ringfleet/ring/membership.hpp"
#include "ringfleet/ring/owner_watch.hpp"
#include "ringfleet/ring/process_judge.hpp"
#include "ringfleet/ring/shared_lenders.hpp"
#include "ringfleet/ring/shared_producer.hpp"
#include "ringfleet/ring/shared_reader.hpp"

#include <csignal>
#include <set>
#include <vector>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::ring;
using namespace ringfleet::ring::test;
using namespace std::chrono_literals;

namespace {

RingSpec many_at(const memory::Place& place) {
  auto spec = ticks_at(place);
  spec.producers = Producers::many;
  return spec;
}
RingExpectation many_ticks() {
  auto expected = ticks();
  expected.producers = Producers::many;
  return expected;
}
MonotonicNs soon() {
  return deadline_after(monotonic_now(), 20s);
}
BarrierOptions shared_options() {
  return {.waiting = Waiting::park, .obituary = nullptr, .dead = nullptr, .shared = true};
}
std::optional<SharedProducer<Tick>> join_as_producer(const RingSpace& space) {
  return SharedProducer<Tick>::join(space.shared_memory<Tick>(), owner_identity(os::own_identity()),
                                    is_surely_dead_producer, shared_options());
}

// Publishes `count` elements from `first` on, then says so and waits to be killed, with a claim open if wanted.
pid_t producing_child(const memory::Place& place, std::uint64_t first, std::uint64_t count, bool leaves_claim,
                      ChildWord& word, std::uint32_t value) {
  return fork_child([&] {
    const auto space = RingSpace::create(many_at(place));
    auto producer = join_as_producer(space);
    for (std::uint64_t number = first; number < first + count; ++number) {
      (void)producer->try_push(Tick{number, 2 * number});
    }
    std::uint64_t claimed = 0;
    if (leaves_claim) {
      (void)producer->try_claim(3, claimed);
    }
    word.set(value);
    ::pause();
    return 0;
  });
}

void kill_child(pid_t pid) {
  ::kill(pid, SIGKILL);
  (void)wait_for_child(pid);
}

} // namespace

TEST_CASE("shared space: several processes produce into one ring, and every reader sees all of it") { // T2
  ScratchRing scratch(memory::Backing::shm);
  const auto own = RingSpace::create(many_at(scratch.place()));
  const auto reading = RingSpace::attach(scratch.place(), many_ticks());
  auto reader = SharedReader<Tick>::join(reading.shared_memory<Tick>(), 0, {}, shared_options());
  REQUIRE(reader);
  ChildWord first;
  ChildWord second;
  const auto one = producing_child(scratch.place(), 100, 10, false, first, 1);
  const auto two = producing_child(scratch.place(), 200, 10, false, second, 1);
  REQUIRE(first.wait_for(1));
  REQUIRE(second.wait_for(1));
  std::set<std::uint64_t> numbers;
  (void)reader->poll([&](const Tick& tick) { numbers.insert(tick.number); });
  CHECK(numbers.size() == 20);
  CHECK(own.owner().generation == 1);
  kill_child(one);
  kill_child(two);
}

TEST_CASE("shared space: a producer killed inside a claim is repaired by a survivor that watches (T13)") {
  ScratchRing scratch(memory::Backing::shm);
  const auto own = RingSpace::create(many_at(scratch.place()));
  memory::Obituary obituary;
  memory::Watcher watcher(obituary);
  Members members(own, watcher, 1s);
  auto producer = join_as_producer(own);
  REQUIRE(producer);
  const auto reading = RingSpace::attach(scratch.place(), many_ticks());
  auto reader = SharedReader<Tick>::join(reading.shared_memory<Tick>(), 0, {}, shared_options());
  REQUIRE(reader);
  ChildWord word;
  const auto pid = producing_child(scratch.place(), 0, 5, true, word, 1);
  REQUIRE(word.wait_for(1));
  CHECK(producer->try_push(Tick{77, 154}) == ClaimResult::claimed);
  members.scan();
  kill_child(pid);
  std::vector<std::uint64_t> numbers;
  while (numbers.size() < 6 && reader->wait(1, soon()) == BarrierResult::reached) {
    (void)reader->poll([&](const Tick& tick) { numbers.push_back(tick.number); });
  }
  CHECK(numbers == std::vector<std::uint64_t>{0, 1, 2, 3, 4, 77});
  CHECK(members.repaired_claims() == 1);
}

TEST_CASE("shared space: when all producers are dead the next one continues under a new generation") { // T7
  ScratchRing scratch(memory::Backing::shm);
  ChildWord word;
  kill_child([&] {
    const auto pid = producing_child(scratch.place(), 0, 5, true, word, 1);
    REQUIRE(word.wait_for(1));
    return pid;
  }());
  const auto reading = RingSpace::attach(scratch.place(), many_ticks());
  memory::Obituary obituary;
  memory::Watcher watcher(obituary);
  OwnerWatch watch(reading, watcher, obituary);
  CHECK(watch.look() == Production::detached);
  auto reader =
      SharedReader<Tick>::join(reading.shared_memory<Tick>(), 0, {.from = JoinFrom::oldest}, shared_options());
  REQUIRE(reader);
  {
    const auto own = RingSpace::create(many_at(scratch.place()));
    CHECK(watch.look() == Production::running);
    CHECK(watch.generation() == 2);
    auto producer = join_as_producer(own);
    REQUIRE(producer);
    CHECK(producer->try_push(Tick{5, 10}) == ClaimResult::claimed);
  }
  CHECK(watch.look() == Production::detached); // the last one said so
  std::vector<std::uint64_t> numbers;
  while (reader->poll([&](const Tick& tick) { numbers.push_back(tick.number); }).result == ReadResult::ok) {
  }
  CHECK(numbers == std::vector<std::uint64_t>{0, 1, 2, 3, 4, 5});
}

TEST_CASE("shared space: an attach that expects the other number of producers is refused") { // T15
  ScratchRing scratch(memory::Backing::shm);
  const auto own = RingSpace::create(many_at(scratch.place()));
  std::string text;
  CHECK(error_of([&] { (void)RingSpace::attach(scratch.place(), ticks()); }, &text) == ErrorCode::bad_segment);
  CHECK(contains(text, "number of producers is many, expected one"));
}

TEST_CASE("shared space: who finds another producer making the ring waits asleep, for a while, and says who it is") {
  ScratchRing scratch(memory::Backing::shm);
  ChildWord word;
  const auto pid = fork_child([&] {
    const auto lock = os::FileLock::try_acquire(scratch.place().path("lock"), std::to_string(::getpid()));
    word.set(1);
    ::pause();
    return 0;
  });
  REQUIRE(word.wait_for(1));
  std::string text;
  const auto create = [&] { (void)RingSpace::create(many_at(scratch.place())); };
  CHECK(cpu_time_of([&] { CHECK(error_of(create, &text) == ErrorCode::already_exists); }) < 1s);
  CHECK(contains(text, "process " + std::to_string(pid) + " owns it"));
  CHECK(contains(text, "is it stopped?"));
  ::kill(pid, SIGKILL);
  (void)wait_for_child(pid);
  CHECK_NOTHROW(create());
}

TEST_CASE("shared space: who finds another producer making the ring goes on when that one has ended") {
  ScratchRing scratch(memory::Backing::shm);
  auto lock = os::FileLock::try_acquire(scratch.place().path("lock"), std::to_string(::getpid()));
  REQUIRE(lock);
  ChildWord word;
  const auto pid = fork_child([&] {
    word.set(1);
    return RingSpace::create(many_at(scratch.place())).owner().generation == 1 ? 0 : 1;
  });
  REQUIRE(word.wait_for(1));
  REQUIRE(ringfleet::test::is_asleep_soon(pid));
  lock.reset();
  CHECK(wait_for_child(pid).to_string() == "exited with 0");
}

TEST_CASE("shared space: a ring that others produce into is not replaced") {
  ScratchRing scratch(memory::Backing::shm);
  const auto own = RingSpace::create(many_at(scratch.place()));
  auto spec = many_at(scratch.place());
  spec.existing = Existing::replace;
  CHECK(error_of([&] { (void)RingSpace::create(spec); }) == ErrorCode::already_exists);
}

TEST_CASE("shared space: without a name the producers pass its descriptors on") {
  const auto own = RingSpace::create(many_at(memory::Place::anonymous("ticks")));
  const auto other = RingSpace::attach(own.descriptors(), many_ticks(), "ticks", SpaceRole::owner);
  const auto reading = RingSpace::attach(own.descriptors(), many_ticks(), "ticks");
  auto reader = SharedReader<Tick>::join(reading.shared_memory<Tick>(), 0, {}, shared_options());
  auto one = join_as_producer(own);
  auto two = join_as_producer(other);
  REQUIRE((reader && one && two));
  CHECK(one->try_push(Tick{1, 2}) == ClaimResult::claimed);
  CHECK(two->try_push(Tick{2, 4}) == ClaimResult::claimed);
  std::vector<std::uint64_t> numbers;
  (void)reader->poll([&](const Tick& tick) { numbers.push_back(tick.number); });
  CHECK(numbers == std::vector<std::uint64_t>{1, 2});
}

TEST_CASE("shared space: each lender holds an arena of its own, until it ends or is dead") {
  ScratchRing scratch(memory::Backing::shm);
  auto spec = many_at(scratch.place());
  spec.arena_bytes = 5'000;
  spec.arenas = 2;
  const auto own = RingSpace::create(spec);
  const auto other = RingSpace::create(spec);
  const auto reading = RingSpace::attach(scratch.place(), many_ticks());
  CHECK(reading.facts().arenas == 2);
  CHECK((reading.arena(1).size() == 8'192 && reading.arena(2).size() == 8'192));
  CHECK((reading.arena(0).empty() && reading.arena(3).empty()));
  own.arena(1)[8'191] = std::byte{7};
  other.arena(2)[0] = std::byte{8};
  CHECK((reading.arena(1)[8'191] == std::byte{7} && reading.arena(2)[0] == std::byte{8}));

  constexpr std::uint64_t dead = 5;
  const auto is_dead = [](std::uint64_t identity) { return identity == dead; };
  CHECK(take_arena(own.lenders(), dead, is_dead) == 1);
  CHECK(take_arena(own.lenders(), 7, is_dead) == 2); // a free one before that of the dead
  CHECK(take_arena(other.lenders(), 8, is_dead) == 1);
  CHECK(take_arena(other.lenders(), 9, is_dead) == std::nullopt);
  release_arena(own.lenders(), 2);
  CHECK(take_arena(other.lenders(), 9, is_dead) == 2);
}

TEST_CASE("shared space: whoever continues a ring whose lenders are gone finds every arena free") {
  ScratchRing scratch(memory::Backing::shm);
  auto spec = many_at(scratch.place());
  spec.arena_bytes = page_bytes;
  spec.arenas = 2;
  {
    const auto owner = RingSpace::create(spec);
    CHECK(take_arena(owner.lenders(), 7, [](std::uint64_t) { return false; }) == 1);
  }
  const auto next = RingSpace::create(spec);
  CHECK(next.owner().generation == 2);
  CHECK(take_arena(next.lenders(), 8, [](std::uint64_t) { return false; }) == 1);
}

TEST_CASE("shared space: a wrong number of arenas is refused by name") {
  const ScratchRing scratch(memory::Backing::shm);
  auto spec = many_at(scratch.place());
  spec.arena_bytes = 5'000;
  const auto refusal = [&](std::uint32_t arenas, Producers producers) {
    spec.arenas = arenas;
    spec.producers = producers;
    std::string text;
    (void)error_of([&] { (void)RingSpace::create(spec); }, &text);
    return text;
  };
  CHECK(contains(refusal(0, Producers::many), "number of arenas is 0"));
  CHECK(contains(refusal(2, Producers::one), "number of arenas is 2: one producer has one"));
  CHECK(contains(refusal(17, Producers::many), "number of arenas is 17, the limit is 16"));
}
