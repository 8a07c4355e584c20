// The place of a member that is gone: its line, its id and its position, which wait for it, and for how long. Real
// processes are killed. (T7, T11)

#include "members_fixture.hpp"

#include "ringfleet/ring/member_protocol.hpp"

#include <csignal>
#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::ring;
using namespace ringfleet::ring::test;
using namespace std::chrono_literals;

namespace {

std::vector<Membership> strangers(const RingSpace& space, int count) {
  std::vector<Membership> all;
  for (int i = 0; i < count; ++i) {
    all.push_back(Membership::join(space.share(), {}, soon()));
  }
  return all;
}

// Joined, and dead before anybody has looked.
void join_and_die(const memory::Place& place, const std::string& id) {
  const auto status = in_forked_child([&] {
    const auto space = RingSpace::attach(place, ticks());
    const auto mine = Membership::join(space, {.id = id}, soon());
    return ::raise(SIGKILL);
  });
  REQUIRE(status.code == SIGKILL);
}

} // namespace

TEST_CASE("members: a restarted reader gets its line and its position back by its id (T7)") {
  ScratchRing scratch(memory::Backing::shm);
  Owning owning(scratch.place());
  Producer<Tick> producer(owning.space.memory<Tick>(), shared_options());
  push(producer, 10);
  ChildWord word;
  const auto pid = joining_child(scratch.place(), "risk", 4, word, 1);
  REQUIRE(word.wait_for(1));
  SUBCASE("after the owner knew of its death") {
    owning.members.scan();
    kill_child(pid);
    CHECK(owning.obituaries(1).size() == 1);
  }
  SUBCASE("before anybody knew of it") {
    kill_child(pid);
  }
  const auto space = RingSpace::attach(scratch.place(), ticks());
  const auto mine = Membership::join(space, {.id = "risk"}, soon());
  CHECK(mine.is_resumed());
  REQUIRE(mine.resume_from());
  CHECK(*mine.resume_from() == 4);
  CHECK(mine.line() == 0);
  auto reader = Reader<Tick>::join(space.memory<Tick>(), mine.line(),
                                   {.from = JoinFrom::sequence, .position = *mine.resume_from()}, shared_options());
  REQUIRE(reader);
  std::vector<std::uint64_t> numbers;
  (void)reader->poll([&](const Tick& tick) { numbers.push_back(tick.number); });
  CHECK(numbers == std::vector<std::uint64_t>{4, 5, 6, 7, 8, 9});
}

TEST_CASE("members: one that goes and means to come back is expected; strangers take its line only when it must be") {
  Owning owning(memory::Place::heap());
  auto mine = Membership::join(owning.space.share(), {.id = "risk"}, soon());
  mine.leave_and_keep(7, monotonic_now()); // its grace is over at once
  std::vector<Membership> others;
  for (int i = 0; i < 7; ++i) {
    others.push_back(Membership::join(owning.space.share(), {}, soon()));
    CHECK(others.back().line() != 0);
  }
  SUBCASE("it comes back") {
    const auto again = Membership::join(owning.space.share(), {.id = "risk"}, soon());
    CHECK(again.line() == 0);
    CHECK(again.resume_from().value_or(0) == 7);
  }
  SUBCASE("the eighth stranger needs its line") {
    CHECK(Membership::join(owning.space.share(), {}, soon()).line() == 0);
    CHECK_FALSE(Membership::join(owning.space.share(), {.id = "risk"}, soon()).is_resumed());
  }
}

TEST_CASE("members: a line within its grace is left to its id even when all others are held") {
  Owning owning(memory::Place::heap());
  Membership::join(owning.space.share(), {.id = "risk"}, soon()).leave_and_keep(7, soon());
  std::vector<Membership> others;
  for (int i = 0; i < 7; ++i) {
    others.push_back(Membership::join(owning.space.share(), {}, soon()));
  }
  CHECK(error_of([&] { (void)Membership::join(owning.space.share(), {}, soon()); }) == ErrorCode::limit_reached);
}

TEST_CASE("members: a place is remembered from before its reader left, whoever dies in between") {
  ScratchRing scratch(memory::Backing::shm);
  Owning owning(scratch.place());
  Producer<Tick> producer(owning.space.memory<Tick>(), shared_options());
  push(producer, 10);
  const auto status = in_forked_child([&] {
    const auto space = RingSpace::attach(scratch.place(), ticks());
    auto mine = Membership::join(space, {.id = "risk"}, soon());
    auto reader = Reader<Tick>::join(space.memory<Tick>(), mine.line(), {.from = JoinFrom::oldest}, shared_options());
    (void)reader->poll([](const Tick&) {}, 4);
    mine.remember(reader->position());
    reader->leave();
    return ::raise(SIGKILL); // before mine.leave_and_keep(…)
  });
  REQUIRE(status.code == SIGKILL);
  const auto again = Membership::join(owning.space.share(), {.id = "risk"}, soon());
  CHECK(again.is_resumed());
  CHECK(again.resume_from().value_or(no_reader) == 4);
}

TEST_CASE("members: whoever finds a member dead leaves its place to its id for the owner's grace (full table)") { // T11
  ScratchRing scratch(memory::Backing::shm);
  const Owning owning(scratch.place(), 1h);
  join_and_die(scratch.place(), "risk");
  const auto others = strangers(owning.space, 7);
  std::string text;
  CHECK(error_of([&] { (void)strangers(owning.space, 1); }, &text) == ErrorCode::limit_reached);
  CHECK(contains(text, "all 8 lines are held, 1 of them for members that may come back"));
  CHECK(Membership::join(owning.space.share(), {.id = "risk"}, soon()).is_resumed());
}

TEST_CASE("members: a dead stranger's line, and one whose owner gives no grace, are for the next one at once") {
  ScratchRing scratch(memory::Backing::shm);
  const Owning owning(scratch.place(), 0s);
  join_and_die(scratch.place(), "");
  join_and_die(scratch.place(), "risk");
  CHECK(strangers(owning.space, 8).size() == 8);
}

TEST_CASE("members: a ring has a grace before its owner has said one") {
  const auto space = RingSpace::create(ticks_at(memory::Place::heap()));
  CHECK(Nanoseconds(*space.members().grace_ns) == 1s);
}

TEST_CASE("members: one that dies while it comes back has its grace anew") {
  const auto space = RingSpace::create(ticks_at(memory::Place::heap()));
  const auto table = space.members();
  const auto id = pack_member_id("risk");
  const auto nobody = [](ActorMark) { return false; };
  constexpr ActorMark first{1, 0};
  constexpr ActorMark second{2, 0};
  MemberProtocol<> member(table.lines, table.readers, first);
  const auto claim = member.claim(id, {}, nobody);
  member.leave(claim.line, member.join(claim), true, 10);
  REQUIRE(member.claim(id, {.now = 100, .kept_until = 0}, nobody).outcome == ClaimOutcome::resumed);
  MemberProtocol<> survivor(table.lines, table.readers, second);
  const auto word = survivor.settle(claim.line, 200, [&](ActorMark actor) { return actor == first; });
  CHECK(word.state == MemberState::kept);
  CHECK(table.lines[claim.line].kept_until == 200);
  CHECK(survivor.claim(id, {.now = 100, .kept_until = 0}, nobody).outcome == ClaimOutcome::resumed);
}
