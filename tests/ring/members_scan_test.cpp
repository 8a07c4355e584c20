// What a producer finds when it looks at who has joined, again and again; and what watches find where many produce.

#include "../allocations.hpp"
#include "damaged_ring.hpp"

#include "ringfleet/ring/member_protocol.hpp"
#include "ringfleet/ring/members.hpp"
#include "ringfleet/ring/membership.hpp"
#include "ringfleet/ring/owner_watch.hpp"
#include "ringfleet/ring/process_judge.hpp"
#include "ringfleet/ring/shared_producer.hpp"

#include <csignal>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <sys/resource.h>

using namespace ringfleet;
using namespace ringfleet::ring;
using namespace ringfleet::ring::test;
using namespace std::chrono_literals;

namespace {

MonotonicNs soon() {
  return deadline_after(monotonic_now(), 60s);
}

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

struct Owning {
  explicit Owning(const RingSpec& spec)
      : space(RingSpace::create(spec)), watcher(obituary), members(space, watcher, 1s) {}

  // Until somebody's death has been told `deaths` times in all.
  [[nodiscard]] bool is_told_of(std::uint32_t deaths) {
    for (auto seen = obituary.value(); seen < deaths; seen = obituary.value()) {
      if (os::futex_wait(*obituary.park_word(seen).word, seen, soon(), true) == os::WaitResult::timed_out) {
        return false;
      }
    }
    return true;
  }

  memory::Obituary obituary;
  RingSpace space;
  memory::Watcher watcher;
  Members members;
};

// A child that joins as `id`, says so, leaves when it is told to, and waits to be killed.
pid_t joining_child(const memory::Place& place, const std::string& id, ChildWord& word) {
  return fork_child([&] {
    const auto space = RingSpace::attach(place, ticks());
    auto mine = Membership::join(space, {.id = id}, soon());
    word.set(1);
    if (word.wait_for(2, 60s)) {
      mine.leave();
      word.set(3);
    }
    ::pause();
    return 0;
  });
}

// A child that holds an owner number, says so, gives it back when it is told to, and waits to be killed.
pid_t producing_child(const memory::Place& place, ChildWord& word) {
  return fork_child([&] {
    const auto space = RingSpace::create(many_at(place));
    auto producer = SharedProducer<Tick>::join(space.shared_memory<Tick>(), owner_identity(os::own_identity()),
                                               is_surely_dead_producer, {});
    word.set(producer->owner());
    if (word.wait_for(100, 60s)) {
      producer->leave();
      word.set(101);
    }
    ::pause();
    return 0;
  });
}

void kill_child(pid_t pid) {
  ::kill(pid, SIGKILL);
  (void)wait_for_child(pid);
}

} // namespace

TEST_CASE("members: a line that changed hands between two looks is watched for whom it has now") { // T11
  ScratchRing scratch(memory::Backing::shm);
  Owning owning(ticks_at(scratch.place()));
  ChildWord first_word;
  ChildWord other_word;
  ChildWord second_word;
  const auto first = joining_child(scratch.place(), "first", first_word);
  REQUIRE(first_word.wait_for(1));
  owning.members.scan();
  owning.members.scan(); // nobody has come since
  const auto other = joining_child(scratch.place(), "other", other_word);
  REQUIRE(other_word.wait_for(1));
  owning.members.scan(); // the first is as it was
  first_word.set(2);
  REQUIRE(first_word.wait_for(3));
  const auto second = joining_child(scratch.place(), "second", second_word);
  REQUIRE(second_word.wait_for(1));
  owning.members.scan();
  kill_child(first); // nobody's concern any more
  kill_child(second);
  REQUIRE(owning.is_told_of(1));
  const auto dead = owning.members.take_obituaries();
  REQUIRE(dead.size() == 1);
  CHECK(dead[0].id == "second");
  CHECK(dead[0].line == 0);
  kill_child(other);
}

TEST_CASE("members: one that died while it was joining is cleared without an obituary") {
  ScratchRing scratch(memory::Backing::shm);
  Owning owning(ticks_at(scratch.place()));
  const auto status = in_forked_child([&] {
    const auto space = RingSpace::attach(scratch.place(), ticks());
    const auto table = space.members();
    MemberProtocol<> protocol(table.lines, table.readers, ActorMark::of(os::own_identity()));
    (void)protocol.claim(pack_member_id("risk"), {.now = monotonic_now()}, is_surely_dead);
    table.joins->publish(table.joins->observe() + 1);
    return 0;
  });
  CHECK(status.code == 0);
  owning.members.scan();
  CHECK(owning.members.take_obituaries().empty());
  CHECK(owning.members.list().empty());
}

TEST_CASE("members: a line on which another dead one appears whenever one was cleared does not hold the scan") { // T11
  Owning owning(ticks_at(memory::Place::heap()));
  auto kept = Membership::join(owning.space, {.id = std::string(47, 'x')}, soon());
  owning.members.scan();
  const auto table = owning.space.members();
  // An id of that length is copied to the heap, with each look at the line.
  static std::uint64_t* word;
  static std::uint32_t appeared;
  static constexpr std::uint32_t many = 100;
  word = &table.lines[kept.line()].word;
  appeared = 0;
  kept.leave_and_keep(0, soon());
  table.joins->publish(table.joins->observe() + 1);
  Atomics::store_release(*word, MemberWord{MemberState::joined, {.pid = 0}, 1}.pack());
  ringfleet::test::before_each_allocation([] {
    if (appeared < many && !MemberWord::unpack(Atomics::load_acquire(*word)).has_actor()) {
      ++appeared;
      Atomics::store_release(*word, MemberWord{MemberState::joined, {.pid = 0}, appeared + 1}.pack());
    }
  });
  owning.members.scan();
  ringfleet::test::before_each_allocation(nullptr);
  CHECK(appeared > 0);
  CHECK(appeared < many);
  owning.members.scan(); // it looks again, and nobody appears any more
  CHECK(MemberWord::unpack(Atomics::load_acquire(*word)).state == MemberState::kept);
  CHECK(owning.members.count_readers() == 0);
}

TEST_CASE("members: somebody who stands still while joining is named to whoever wants the same id") {
  ScratchRing scratch(memory::Backing::shm);
  const auto owner = RingSpace::create(ticks_at(scratch.place()));
  ChildWord word;
  const auto pid = fork_child([&] {
    const auto space = RingSpace::attach(scratch.place(), ticks());
    const auto table = space.members();
    MemberProtocol<> protocol(table.lines, table.readers, ActorMark::of(os::own_identity()));
    (void)protocol.claim(pack_member_id("risk"), {.now = monotonic_now()}, is_surely_dead);
    word.set(1);
    ::pause();
    return 0;
  });
  REQUIRE(word.wait_for(1));
  std::string text;
  const auto deadline = deadline_after(monotonic_now(), 1s); // it looks again until then
  CHECK(error_of([&] { (void)Membership::join(owner, {.id = "risk"}, deadline); }, &text) == ErrorCode::timed_out);
  CHECK(contains(text, "process " + std::to_string(pid) + " is in the middle of joining"));
  CHECK(contains(text, "is it stopped?"));
  kill_child(pid);
  CHECK_NOTHROW((void)Membership::join(owner, {.id = "risk"}, soon()));
}

TEST_CASE("members: an id is cut where its line ends") {
  CHECK(pack_member_id(std::string(100, 'x')) == pack_member_id(std::string(47, 'x')));
  CHECK_FALSE(pack_member_id(std::string(100, 'x')) == pack_member_id(std::string(46, 'x')));
}

TEST_CASE("members: readers are those who read and are there") {
  Owning owning(ticks_at(memory::Place::heap()));
  const auto producer = Membership::join(owning.space, {.role = MemberRole::producer}, soon());
  const auto lossy = Membership::join(owning.space, {.role = MemberRole::lossy}, soon());
  auto gone = Membership::join(owning.space, {.id = "gone"}, soon());
  const auto before = Atomics::load_acquire(owning.members.joins_word());
  const auto reader = Membership::join(owning.space, {}, soon());
  CHECK(Atomics::load_acquire(owning.members.joins_word()) == before + 1);
  CHECK(owning.members.count_readers() == 3);
  gone.leave_and_keep(7, soon());
  CHECK(owning.members.count_readers() == 2);
  gone.remember(9); // it has left: what it says now is nobody's
  CHECK(Membership::join(owning.space, {.id = "gone"}, soon()).resume_from().value_or(0) == 7);
}

TEST_CASE("members: a forked child changes nothing of the membership that its parent has") {
  Owning owning(ticks_at(memory::Place::anonymous("ticks")));
  auto mine = Membership::join(owning.space, {.id = "risk"}, soon());
  const auto status = in_forked_child([&] {
    mine.remember(9);
    mine.leave();
    return 0;
  });
  CHECK(status.code == 0);
  REQUIRE(owning.members.list().size() == 1);
  CHECK(owning.members.list()[0].state == MemberState::joined);
}

TEST_CASE("process judge: no process is process 0, and a pid that was given again is not the one that had it") {
  auto own = os::own_identity();
  CHECK_FALSE(is_surely_dead_producer(owner_identity(own)));
  CHECK_FALSE(is_surely_dead(ActorMark::of(own)));
  ++own.start_time_ticks;
  CHECK(is_surely_dead_producer(owner_identity(own)));
  CHECK(is_surely_dead(ActorMark::of(own)));
  CHECK(is_surely_dead_producer(owner_identity({.pid = 0, .start_time_ticks = 5})));
  CHECK(is_surely_dead(ActorMark{.pid = 0, .start = 5}));
}

TEST_CASE("members: producers that come, go and die between two looks are watched for what they are") { // T13
  ScratchRing scratch(memory::Backing::shm);
  Owning owning(many_at(scratch.place()));
  ChildWord first_word;
  ChildWord second_word;
  ChildWord third_word;
  const auto first = producing_child(scratch.place(), first_word);
  REQUIRE(first_word.wait_for(1));
  owning.members.scan();
  owning.members.scan(); // the same
  first_word.set(100);
  REQUIRE(first_word.wait_for(101));
  const auto second = producing_child(scratch.place(), second_word); // under the number that the first gave back
  REQUIRE(second_word.wait_for(1));
  owning.members.scan();
  kill_child(first);
  second_word.set(100);
  REQUIRE(second_word.wait_for(101));
  owning.members.scan(); // nobody has it
  kill_child(second);
  const auto third = producing_child(scratch.place(), third_word);
  REQUIRE(third_word.wait_for(1));
  kill_child(third);
  owning.members.scan(); // dead before it was ever looked at
  CHECK(owning.space.shared_lines().owners->identity[1] == 0);
  CHECK(owning.members.repaired_claims() == 0);
}

TEST_CASE("members: a producer for whom there is no descriptor is watched from the next scan on") { // T13, fault 17
  ScratchRing scratch(memory::Backing::shm);
  Owning owning(many_at(scratch.place()));
  ChildWord word;
  const auto child = producing_child(scratch.place(), word);
  REQUIRE(word.wait_for(1));
  rlimit enough{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &enough) == 0);
  rlimit none = enough;
  none.rlim_cur = 0;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  const auto refused = error_of([&] { owning.members.scan(); });
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &enough) == 0);
  CHECK(refused == ErrorCode::no_descriptors);
  owning.members.scan();
  kill_child(child);
  CHECK(owning.is_told_of(1));
  CHECK(owning.space.shared_lines().owners->identity[1] == 0);
}

TEST_CASE("owner watch: a ring of many is produced into as long as one of its producers lives") { // T12
  ScratchRing scratch(memory::Backing::shm);
  memory::Obituary obituary;
  memory::Watcher watcher(obituary);
  {
    const auto owner = RingSpace::create(many_at(scratch.place()));
  }
  const auto reading = RingSpace::attach(scratch.place(), many_ticks());
  OwnerWatch watch(reading, watcher, obituary);
  CHECK(watch.look() == Production::detached);
  CHECK(watch.wait(monotonic_now()) == Production::detached);
  ChildWord word;
  const auto waiting = fork_child([&] {
    const auto space = RingSpace::attach(scratch.place(), many_ticks());
    memory::Obituary own_obituary;
    memory::Watcher own_watcher(own_obituary);
    OwnerWatch own_watch(space, own_watcher, own_obituary);
    word.set(1);
    return own_watch.wait(soon()) == Production::running ? 0 : 1;
  });
  REQUIRE(word.wait_for(1));
  REQUIRE(ringfleet::test::is_asleep_soon(waiting));
  ChildWord producer_word;
  const auto producer = producing_child(scratch.place(), producer_word);
  REQUIRE(producer_word.wait_for(1));
  CHECK(wait_for_child(waiting).to_string() == "exited with 0");
  CHECK(watch.look() == Production::running);
  CHECK(watch.generation() == 2);
  kill_child(producer);
  while (watch.dead().observe() == 0) {
    const auto seen = obituary.value();
    if (watch.dead().observe() == 0) {
      REQUIRE(os::futex_wait(*obituary.park_word(seen).word, seen, soon(), true) != os::WaitResult::timed_out);
    }
  }
  CHECK(watch.look() == Production::detached);
}

TEST_CASE("owner watch: without a name and without a producer's number it is its maker who owns a ring of many") {
  const auto owner = RingSpace::create(many_at(memory::Place::anonymous("ticks")));
  const auto reading = RingSpace::attach(owner.descriptors(), many_ticks(), "ticks");
  memory::Obituary obituary;
  memory::Watcher watcher(obituary);
  OwnerWatch watch(reading, watcher, obituary);
  CHECK(watch.look() == Production::running);
}

TEST_CASE("owner watch: an owner in another PID namespace is refused by name, not taken for dead") {
  const Damaged scratch;
  const auto owner_at = shape_offset + offsetof(RingHead, owner);
  scratch.write(owner_at + offsetof(OwnerLine, pid_namespace), std::uint64_t{1});
  scratch.write(owner_at + offsetof(OwnerLine, word), owner_word(2, OwnerState::owned));
  const auto reading = RingSpace::attach(scratch.place(), ticks());
  memory::Obituary obituary;
  memory::Watcher watcher(obituary);
  std::string text;
  CHECK(error_of([&] { const OwnerWatch watch(reading, watcher, obituary); }, &text) == ErrorCode::wrong_state);
  CHECK(contains(text, "lives in PID namespace 1"));
}
