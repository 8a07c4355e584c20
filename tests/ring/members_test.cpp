// Who has joined a ring: lines, ids, deaths. Real processes are killed. (T8, T11)

#include "../os/chosen_pid.hpp"
#include "members_fixture.hpp"

#include "ringfleet/ring/owner_watch.hpp"

#include <memory>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::ring;
using namespace ringfleet::ring::test;
using namespace std::chrono_literals;

TEST_CASE("members: a newcomer takes a free line, leaves it, and the next one takes it again") { // T8
  Owning owning(memory::Place::heap());
  {
    const auto first = Membership::join(owning.space.share(), {.id = "risk"}, soon());
    auto second = Membership::join(owning.space.share(), {}, soon());
    CHECK(first.line() == 0);
    CHECK(second.line() == 1);
    CHECK_FALSE(first.resume_from());
    CHECK(owning.members.count_readers() == 2);
    CHECK(owning.members.list()[0].id == "risk");
    second.leave();
    CHECK(owning.members.count_readers() == 1);
    CHECK(Membership::join(owning.space.share(), {}, soon()).line() == 1);
  }
  CHECK(owning.members.list().empty());
}

TEST_CASE("members: a membership that is assigned over gives its line back") {
  Owning owning(memory::Place::heap());
  auto mine = Membership::join(owning.space.share(), {.id = "risk"}, soon());
  const auto before = mine.incarnation();
  mine = Membership::join(owning.space.share(), {.id = "audit"}, soon());
  CHECK(mine.line() == 1);
  REQUIRE(owning.members.list().size() == 1);
  CHECK(owning.members.list()[0].id == "audit");
  const auto again = Membership::join(owning.space.share(), {.id = "risk"}, soon());
  CHECK(again.line() == 0);
  CHECK(again.incarnation() != before);
}

TEST_CASE("members: of two living ones with one id the second is refused, by the pid of the first") {
  Owning owning(memory::Place::heap());
  const auto first = Membership::join(owning.space.share(), {.id = "risk"}, soon());
  std::string text;
  CHECK(error_of([&] { (void)Membership::join(owning.space.share(), {.id = "risk"}, soon()); }, &text) ==
        ErrorCode::already_exists);
  CHECK(contains(text, "process " + std::to_string(::getpid()) + " is there under this id"));
}

TEST_CASE("members: when every line is held the next one is refused, by the number of lines") {
  Owning owning(memory::Place::heap());
  std::vector<Membership> all;
  for (int i = 0; i < 8; ++i) {
    all.push_back(Membership::join(owning.space.share(), {}, soon()));
  }
  std::string text;
  CHECK(error_of([&] { (void)Membership::join(owning.space.share(), {}, soon()); }, &text) == ErrorCode::limit_reached);
  CHECK(contains(text, "all 8 lines are held"));
}

TEST_CASE("members: an id that cannot be one, and a role that the ring does not have, are refused") {
  auto spec = ticks_at(memory::Place::heap());
  spec.lossy_allowed = false;
  const auto space = RingSpace::create(spec);
  const auto join = [&](const MemberRequest& request) {
    return error_of([&] { (void)Membership::join(space.share(), request, soon()); });
  };
  CHECK(join({.id = std::string(47, 'x')}) == ErrorCode{});
  CHECK(join({.id = std::string(48, 'x')}) == ErrorCode::invalid_argument);
  CHECK(join({.id = std::string("a\0b", 3)}) == ErrorCode::invalid_argument);
  CHECK(join({.id = "y", .role = MemberRole::lossy}) == ErrorCode::invalid_argument);
}

TEST_CASE("members: a killed reader stops gating at once, and its obituary names it (kill -9)") { // T11
  ScratchRing scratch(memory::Backing::shm);
  Owning owning(scratch.place());
  Producer<Tick> producer(owning.space.memory<Tick>(), shared_options());
  push(producer, 10);
  ChildWord word;
  const auto pid = joining_child(scratch.place(), "risk", 4, word, 1);
  REQUIRE(word.wait_for(1));
  owning.members.scan();
  push(producer, 50);
  kill_child(pid);
  const auto dead = owning.obituaries(1);
  REQUIRE(dead.size() == 1);
  CHECK(dead[0].id == "risk");
  CHECK(dead[0].pid == static_cast<std::uint32_t>(pid));
  CHECK(dead[0].position == 4);
  push(producer, 64); // a whole ring: nothing gates
  const auto left = owning.members.list();
  REQUIRE(left.size() == 1);
  CHECK(left[0].state == MemberState::kept);
  CHECK(left[0].position == 4);
}

TEST_CASE("members: one that died before the owner looked is cleared by the look") {
  ScratchRing scratch(memory::Backing::shm);
  Owning owning(scratch.place());
  ChildWord word;
  const auto pid = joining_child(scratch.place(), "", 0, word, 1);
  REQUIRE(word.wait_for(1));
  kill_child(pid);
  CHECK(owning.members.list().size() == 1);
  owning.members.scan();
  CHECK(owning.members.take_obituaries().size() == 1);
  CHECK(owning.members.list().empty()); // a stranger's line is not kept
}

TEST_CASE(
    "members: a stranger that has got the pid of a dead reader does not keep its line or its id (pid used again)") {
  ScratchRing scratch(memory::Backing::shm); // fault 34
  Owning owning(scratch.place());
  ChildWord word;
  const auto pid = joining_child(scratch.place(), "risk", 0, word, 1);
  REQUIRE(word.wait_for(1));
  const auto gone = os::identity_of(pid);
  REQUIRE(gone);
  kill_child(pid);
  const ringfleet::test::Stranger stranger(*gone);
  if (!stranger) {
    return;
  }
  owning.members.scan();
  const auto dead = owning.members.take_obituaries();
  REQUIRE(dead.size() == 1);
  CHECK(dead[0].pid == static_cast<std::uint32_t>(stranger.pid()));
  CHECK(error_of([&] { (void)Membership::join(owning.space.share(), {.id = "risk"}, soon()); }) == ErrorCode{});
}

TEST_CASE("members: 64 processes join, are killed in any order, and no line is lost") { // T8
  ScratchRing scratch(memory::Backing::shm);
  auto spec = ticks_at(scratch.place());
  spec.members = 64;
  const auto space = RingSpace::create(spec);
  memory::Obituary obituary;
  memory::Watcher watcher(obituary);
  Members members(space, watcher, 1s);
  for (int round = 0; round < 2; ++round) {
    std::vector<pid_t> children;
    std::vector<std::unique_ptr<ChildWord>> words;
    for (int i = 0; i < 64; ++i) {
      words.push_back(std::make_unique<ChildWord>());
      children.push_back(
          joining_child(scratch.place(), round == 0 ? "" : "m" + std::to_string(i), 0, *words.back(), 1));
    }
    for (auto& word : words) {
      REQUIRE(word->wait_for(1));
    }
    members.scan();
    CHECK(members.count_readers() == 64);
    for (std::size_t i = 0; i < children.size(); ++i) {
      kill_child(children[(i * 37) % children.size()]);
    }
    std::set<std::uint32_t> lines;
    const auto deadline = soon();
    while (lines.size() < 64 && monotonic_now() < deadline) {
      const auto seen = obituary.value();
      for (const auto& member : members.take_obituaries()) {
        lines.insert(member.line);
      }
      if (lines.size() < 64) {
        (void)os::futex_wait(*obituary.park_word(seen).word, seen, deadline, true);
      }
    }
    CHECK(lines.size() == 64);
    for (const auto& reader : space.members().readers) {
      CHECK(reader.gate.observe() == no_reader);
    }
  }
}

TEST_CASE("members: who follows others watches them itself, and clears the dead") { // T11
  ScratchRing scratch(memory::Backing::shm);
  const auto owner = RingSpace::create(ticks_at(scratch.place()));
  ChildWord word;
  const auto child = joining_child(scratch.place(), "first", 0, word, 1);
  REQUIRE(word.wait_for(1));
  const auto space = RingSpace::attach(scratch.place(), ticks());
  memory::Obituary obituary;
  memory::Watcher watcher(obituary);
  Members members(space, watcher);
  const auto seen = obituary.value();
  kill_child(child);
  while (obituary.value() == seen &&
         os::futex_wait(*obituary.park_word(seen).word, seen, soon(), true) != os::WaitResult::timed_out) {
  }
  const auto dead = members.take_obituaries();
  REQUIRE(dead.size() == 1);
  CHECK(dead[0].id == "first");
  CHECK(space.members().readers[dead[0].line].gate.observe() == no_reader);
}

TEST_CASE("owner watch: a killed producer is detached, its successor is the next generation (T12)") {
  ScratchRing scratch(memory::Backing::shm);
  ChildWord word;
  const auto producing_child = [&](std::uint32_t value) {
    return fork_child([&] {
      const auto owner = RingSpace::create(ticks_at(scratch.place()));
      word.set(value);
      ::pause();
      return 0;
    });
  };
  auto pid = producing_child(1);
  REQUIRE(word.wait_for(1));
  const auto space = RingSpace::attach(scratch.place(), ticks());
  memory::Obituary obituary;
  memory::Watcher watcher(obituary);
  OwnerWatch watch(space, watcher, obituary);
  CHECK(watch.look() == Production::running);
  CHECK(watch.generation() == 1);
  CHECK(watch.dead().observe() == 0);
  const auto seen = obituary.value();
  kill_child(pid);
  while (obituary.value() == seen &&
         os::futex_wait(*obituary.park_word(seen).word, seen, soon(), true) != os::WaitResult::timed_out) {
  }
  CHECK(watch.dead().observe() == 1);
  CHECK(watch.look() == Production::detached);
  CHECK(watch.wait(monotonic_now()) == Production::detached);
  pid = producing_child(2);
  CHECK(watch.wait(soon()) == Production::running);
  CHECK(watch.generation() == 2);
  kill_child(pid);
}

TEST_CASE("owner watch: a stranger that has got the pid of a dead producer does not own its ring (pid used again)") {
  ScratchRing scratch(memory::Backing::shm); // fault 34
  ChildWord word;
  const auto pid = fork_child([&] {
    const auto owner = RingSpace::create(ticks_at(scratch.place()));
    word.set(1);
    ::pause();
    return 0;
  });
  REQUIRE(word.wait_for(1));
  const auto space = RingSpace::attach(scratch.place(), ticks());
  const auto gone = os::identity_of(pid);
  REQUIRE(gone);
  kill_child(pid);
  const ringfleet::test::Stranger stranger(*gone);
  if (!stranger) {
    return;
  }
  memory::Obituary obituary;
  memory::Watcher watcher(obituary);
  OwnerWatch watch(space, watcher, obituary);
  CHECK(watch.look() == Production::detached);
  CHECK(RingSpace::create(ticks_at(scratch.place())).owner().generation == 2);
}

TEST_CASE("owner watch: a reader waits for a producer that comes later, and learns that its ring was replaced") {
  ScratchRing scratch(memory::Backing::shm);
  auto spec = ticks_at(scratch.place());
  {
    const auto owner = RingSpace::create(spec);
  }
  const auto space = RingSpace::attach(scratch.place(), ticks());
  memory::Obituary obituary;
  memory::Watcher watcher(obituary);
  OwnerWatch watch(space, watcher, obituary);
  CHECK(watch.look() == Production::detached);
  ChildWord word;
  const auto waiting = fork_child([&] {
    const auto same = RingSpace::attach(scratch.place(), ticks());
    memory::Obituary own_obituary;
    memory::Watcher own_watcher(own_obituary);
    OwnerWatch own_watch(same, own_watcher, own_obituary);
    word.set(1);
    return own_watch.wait(soon()) == Production::replaced ? 0 : 1;
  });
  REQUIRE(word.wait_for(1));
  REQUIRE(ringfleet::test::is_asleep_soon(waiting));
  spec.existing = Existing::replace;
  const auto owner = RingSpace::create(spec);
  CHECK(wait_for_child(waiting).to_string() == "exited with 0");
  CHECK(watch.wait(soon()) == Production::replaced);
}
