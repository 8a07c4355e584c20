// What an attach waits for, asleep and no longer than it was told to. (T7, T15)

#include "damaged_ring.hpp"

#include "ringfleet/os/file_lock.hpp"
#include "ringfleet/ring/membership.hpp"

#include <csignal>
#include <vector>

#include <doctest/doctest.h>

#include <fcntl.h>

using namespace ringfleet;
using namespace ringfleet::ring;
using namespace ringfleet::ring::test;
using namespace std::chrono_literals;

TEST_CASE("await: a reader that comes first waits for the name, without looking again and again") {
  ScratchRing scratch(memory::Backing::shm);
  const auto soon = deadline_after(monotonic_now(), 20s);
  ChildWord word;
  const auto pid = fork_child([&] {
    word.set(1);
    const auto space = RingSpace::await(scratch.place(), ticks(), soon, true);
    return space.owner().generation == 1 ? 0 : 1;
  });
  REQUIRE(word.wait_for(1));
  REQUIRE(ringfleet::test::is_asleep_soon(pid));
  const auto owner = RingSpace::create(ticks_at(scratch.place()));
  CHECK(wait_for_child(pid).to_string() == "exited with 0");
}

TEST_CASE("await: a ring without a living owner is waited for until somebody continues it") {
  const Damaged scratch(memory::Backing::shm);
  ChildWord word;
  const auto pid = fork_child([&] {
    word.set(1);
    const auto space = RingSpace::await(scratch.place(), ticks(), deadline_after(monotonic_now(), 20s), true);
    return space.owner().generation == 2 ? 0 : 1;
  });
  REQUIRE(word.wait_for(1));
  REQUIRE(ringfleet::test::is_asleep_soon(pid));
  const auto owner = RingSpace::create(ticks_at(scratch.place()));
  CHECK(wait_for_child(pid).to_string() == "exited with 0");
}

TEST_CASE("await: a ring whose many producers are gone is waited for until one comes, or the deadline") {
  const ScratchRing scratch(memory::Backing::shm);
  auto spec = ticks_at(scratch.place());
  spec.producers = Producers::many;
  auto expected = ticks();
  expected.producers = Producers::many;
  {
    const auto owner = RingSpace::create(spec);
  }
  std::string text;
  CHECK(error_of([&] { (void)RingSpace::await(scratch.place(), expected, monotonic_now(), true); }, &text) ==
        ErrorCode::timed_out);
  CHECK(contains(text, "nobody alive owns it"));
  ChildWord word;
  const auto pid = fork_child([&] {
    word.set(1);
    const auto space = RingSpace::await(scratch.place(), expected, deadline_after(monotonic_now(), 60s), true);
    return space.owner().generation == 2 ? 0 : 1;
  });
  REQUIRE(word.wait_for(1));
  REQUIRE(ringfleet::test::is_asleep_soon(pid));
  const auto owner = RingSpace::create(spec);
  CHECK(wait_for_child(pid).to_string() == "exited with 0");
}

TEST_CASE("await: a timeout names what it was waiting for") {
  const auto text_of = [](const memory::Place& place) {
    std::string text;
    CHECK(error_of([&] { (void)RingSpace::await(place, ticks(), deadline_after(monotonic_now(), 1ms), true); },
                   &text) == ErrorCode::timed_out);
    return text;
  };
  const ScratchRing nobody(memory::Backing::shm);
  CHECK(contains(text_of(nobody.place()), "nobody has created it"));
  std::string text; // a deadline that is over: one look
  CHECK(error_of([&] { (void)RingSpace::await(nobody.place(), ticks(), 0); }, &text) == ErrorCode::timed_out);
  CHECK(contains(text, "nobody has created it"));
  const Damaged scratch(memory::Backing::shm);
  CHECK(contains(text_of(scratch.place()), "nobody alive owns it"));
}

TEST_CASE("await: what is there and wrong is an error at once, not waited for") {
  const auto never_ends = deadline_after(monotonic_now(), 600s);
  const Damaged garbage;
  garbage.write(0, std::uint64_t{42});
  CHECK(error_of([&] { (void)RingSpace::await(garbage.place(), ticks(), never_ends); }) == ErrorCode::bad_segment);
  const Damaged replaced;
  std::uint64_t word = 0;
  {
    const auto space = RingSpace::attach(replaced.place(), ticks());
    word = owner_word(space.owner().generation, OwnerState::replaced);
  }
  replaced.write(shape_offset + offsetof(RingHead, owner) + offsetof(OwnerLine, word), word);
  std::string text;
  CHECK(error_of([&] { (void)RingSpace::await(replaced.place(), ticks(), never_ends, true); }, &text) ==
        ErrorCode::wrong_state);
  CHECK(contains(text, "it was replaced meanwhile"));
}

TEST_CASE("await: a ring of an earlier boot, and one whose owner was killed, are waited for and named") {
  const auto text_of = [](const memory::Place& place) {
    std::string text;
    CHECK(error_of([&] { (void)RingSpace::await(place, ticks(), deadline_after(monotonic_now(), 1ms), true); },
                   &text) == ErrorCode::timed_out);
    return text;
  };
  const Damaged old;
  old.write(memory::segment_body_offset + offsetof(TableHead, scope), std::uint64_t{1}, "members");
  CHECK(contains(text_of(old.place()), "it is from an earlier boot"));
  // Its own looks do not wake it.
  const auto asleep = [&] { (void)RingSpace::await(old.place(), ticks(), deadline_after(monotonic_now(), 300ms)); };
  CHECK(cpu_time_of([&] { CHECK(error_of(asleep) == ErrorCode::timed_out); }) < 100ms);
  {
    // Held by somebody, it will not be continued: no reason to wait.
    const auto lock = os::FileLock::try_acquire(old.place().path("lock"));
    REQUIRE(lock);
    CHECK(error_of([&] { (void)RingSpace::await(old.place(), ticks(), deadline_after(monotonic_now(), 600s)); }) ==
          ErrorCode::wrong_state);
  }
  const ScratchRing killed(memory::Backing::shm);
  const auto status = in_forked_child([&] {
    const auto owner = RingSpace::create(ticks_at(killed.place()));
    return ::raise(SIGKILL);
  });
  CHECK(status.code == SIGKILL);
  CHECK(contains(text_of(killed.place()), "nobody alive owns it"));
}

TEST_CASE("a ring file of an earlier boot is continued by its owner, and readers wait for that") { // T7
  const Damaged scratch;
  {
    auto owner = RingSpace::create(ticks_at(scratch.place()));
    auto mine = Membership::join(owner.share(), {.id = "risk"}, monotonic_now());
    mine.leave_and_keep(3, never); // of a clock that has ended
    auto dead = Membership::join(owner.share(), {.id = "audit"}, monotonic_now());
    owner.lines().readers[dead.line()].gate.publish(5);
    owner.lines().readers[dead.line()].began = 1 + 4;
    // As a machine that went down leaves it: the line is held, and boot ids are of then.
    const os::Descriptor file(::open(scratch.place().path("members").c_str(), O_RDONLY | O_CLOEXEC));
    std::vector<std::byte> bytes(16'384 - 4'096);
    os::read_at(file.get(), std::span(bytes).first(4'096), 4'096, "test");
    dead.leave();
    owner.end_ownership();
    scratch.write(4'096, std::span<const std::byte>(bytes).first(4'096), "members");
    scratch.write(4'096 + offsetof(TableHead, scope), std::uint64_t{1}, "members");
  }
  const auto attempt = attach(scratch.place());
  CHECK(attempt.code == ErrorCode::wrong_state);
  CHECK(contains(attempt.text, "from an earlier boot"));
  const auto earliest = deadline_after(monotonic_now(), limits::member_grace);
  const auto owner = RingSpace::create(ticks_at(scratch.place()));
  const auto latest = deadline_after(monotonic_now(), limits::member_grace);
  const auto space = RingSpace::attach(scratch.place(), ticks());
  for (std::size_t line = 0; line < 2; ++line) {
    CHECK(space.members().lines[line].kept_until >= earliest);
    CHECK(space.members().lines[line].kept_until <= latest);
  }
  CHECK(Membership::join(space, {.id = "risk"}, monotonic_now()).resume_from().value_or(0) == 3);
  CHECK(Membership::join(space, {.id = "audit"}, monotonic_now()).resume_from().value_or(0) == 5);
}
