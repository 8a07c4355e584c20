// What killed processes leave is recognised, listed and removed; what lives is left alone. (T19)

#include "space_fixture.hpp"

#include "ringfleet/os/file.hpp"
#include "ringfleet/ring/membership.hpp"
#include "ringfleet/ring/ring_listing.hpp"

#include <csignal>

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

using namespace ringfleet;
using namespace ringfleet::ring;
using namespace ringfleet::ring::test;

namespace {

FoundState state_of(const memory::Place& place) {
  const auto found = find_ring(place);
  REQUIRE(found);
  return found->state;
}

void killed_owner(const memory::Place& place) {
  const auto status = in_forked_child([&] {
    const auto owner = RingSpace::create(ticks_at(place));
    return ::raise(SIGKILL);
  });
  CHECK(status.code == SIGKILL);
}

bool can_trace = true;

// Runs `work` in a child that is killed when it enters its n-th system call; false when it ended before.
template <class Work>
bool kill_at_system_call(int n, Work&& work) {
  const auto pid = fork_child([&] {
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) {
      return 77;
    }
    ::raise(SIGSTOP);
    work();
    return 0;
  });
  int status = 0;
  (void)::waitpid(pid, &status, 0);
  bool is_entry = false;
  for (int calls = 0; !WIFEXITED(status) && !WIFSIGNALED(status);) {
    if (is_entry && ++calls == n) {
      ::kill(pid, SIGKILL);
      (void)::waitpid(pid, &status, 0);
      return true;
    }
    ::ptrace(PTRACE_SYSCALL, pid, nullptr, nullptr);
    (void)::waitpid(pid, &status, 0);
    is_entry = !is_entry;
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
    MESSAGE("SKIPPED: tracing is not allowed here");
    can_trace = false;
  }
  return false;
}

} // namespace

TEST_CASE("ring listing: a ring is alive, ended or dead, with its owner, generation and members") { // T19
  for (const auto backing : {memory::Backing::shm, memory::Backing::file}) {
    ScratchRing scratch(backing);
    CHECK_FALSE(find_ring(scratch.place()));
    {
      const auto owner = RingSpace::create(ticks_at(scratch.place()));
      const auto mine = Membership::join(owner.share(), {.id = "risk"}, monotonic_now());
      const auto found = find_ring(scratch.place());
      REQUIRE(found);
      CHECK(found->state == FoundState::alive);
      CHECK(found->owner_pid == static_cast<std::uint32_t>(::getpid()));
      CHECK(found->generation == 1);
      CHECK(found->members_alive == 1);
      CHECK(found->lines == 8);
      CHECK(found->files.size() == 2);
      CHECK(found->problem == "");
    }
    CHECK(state_of(scratch.place()) == FoundState::ended);
    killed_owner(scratch.place());
    CHECK(state_of(scratch.place()) == FoundState::dead);
    CHECK(find_ring(scratch.place())->generation == 2);
    remove_ring(scratch.place());
    CHECK_FALSE(find_ring(scratch.place()));
    CHECK(error_of([&] { remove_ring(scratch.place()); }) == ErrorCode::not_found);
  }
}

TEST_CASE("ring listing: what somebody alive owns or waits for is not removed") {
  ScratchRing scratch(memory::Backing::shm);
  std::string text;
  auto owner = RingSpace::create(ticks_at(scratch.place()));
  CHECK(error_of([&] { remove_ring(scratch.place()); }, &text) == ErrorCode::wrong_state);
  CHECK(contains(text, "process " + std::to_string(::getpid()) + " owns it"));
  auto mine = Membership::join(owner.share(), {}, monotonic_now());
  owner.end_ownership();
  CHECK(error_of([&] { remove_ring(scratch.place()); }, &text) == ErrorCode::wrong_state);
  CHECK(contains(text, "1 living members wait for its producer"));
  mine.leave();
  remove_ring(scratch.place());
}

TEST_CASE("ring listing: damage is named and can be removed") {
  ScratchRing scratch(memory::Backing::shm);
  killed_owner(scratch.place());
  REQUIRE(::truncate(scratch.place().path().c_str(), 5'000) == 0);
  const auto found = find_ring(scratch.place());
  REQUIRE(found);
  CHECK(found->state == FoundState::damaged);
  CHECK(contains(found->problem, "but the file has 904 bytes"));
  remove_ring(scratch.place());
  CHECK(scratch.count_files() == 0);
}

TEST_CASE("ring listing: files of others in a directory are not mentioned") {
  ScratchRing scratch(memory::Backing::file);
  const auto file = os::create_file(scratch.directory() + "/letter.txt", 100);
  const auto odd = os::create_file(scratch.directory() + "/a+b.new", 100);
  CHECK(list_file_rings(scratch.directory()).empty());
}

TEST_CASE(
    "ring listing: debris of a kill at every system call of a creation is recognised, continued or removed") { // T19
  int kills = 0;
  for (int n = 1;; ++n) {
    ScratchRing scratch(memory::Backing::shm);
    if (!kill_at_system_call(n, [&] { (void)RingSpace::create(ticks_at(scratch.place())); })) {
      break;
    }
    ++kills;
    if (const auto found = find_ring(scratch.place())) {
      const bool is_known = found->state == FoundState::unfinished || found->state == FoundState::dead ||
                            found->state == FoundState::ended;
      CAPTURE(n);
      CHECK(is_known);
      if (n % 2 == 0) {
        remove_ring(scratch.place());
        CHECK(scratch.count_files() == 0);
      }
    }
    {
      const auto owner = RingSpace::create(ticks_at(scratch.place()));
      CHECK(scratch.count_files() == 2);
      CHECK(RingSpace::attach(scratch.place(), ticks()).owner().state == OwnerState::owned);
    }
  }
  CHECK((kills > 30 || !can_trace));
  MESSAGE("killed at ", kills, " system calls");
}

TEST_CASE("ring listing: debris of a kill at every system call of a replacement or a removal is whole or gone") {
  int kills = 0;
  for (int n = 1;; ++n) {
    ScratchRing scratch(memory::Backing::shm);
    killed_owner(scratch.place());
    auto spec = ticks_at(scratch.place());
    spec.existing = Existing::replace;
    spec.capacity = 128;
    const bool is_removal = n % 2 == 0;
    if (!kill_at_system_call(n, [&] {
          if (is_removal) {
            remove_ring(scratch.place());
          } else {
            (void)RingSpace::create(spec);
          }
        })) {
      if (!is_removal || !can_trace) {
        break;
      }
      continue;
    }
    ++kills;
    const auto owner = RingSpace::create(spec);
    CHECK(scratch.count_files() == 2);
    CHECK(RingSpace::attach(scratch.place(), ticks()).facts().capacity == 128);
  }
  CHECK((kills > 30 || !can_trace));
}
