// What killed processes leave is recognised, listed and removed; what lives is left alone. (T19)

#include "../os/killed_child.hpp"
#include "space_fixture.hpp"

#include "ringfleet/os/file.hpp"
#include "ringfleet/ring/membership.hpp"
#include "ringfleet/ring/ring_listing.hpp"
#include "ringfleet/ring/ring_space_layout.hpp"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <set>

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/stat.h>

using namespace ringfleet;
using namespace ringfleet::ring;
using namespace ringfleet::ring::test;
using ringfleet::test::can_trace;
using ringfleet::test::kill_at_system_call;

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

TEST_CASE("ring listing: rings are found by the beginning of their names") { // T10
  const ScratchRing one(memory::Backing::shm);
  const ScratchRing file(memory::Backing::file);
  const auto other = memory::Place::shm(one.place().name() + ":to:1");
  const auto first = RingSpace::create(ticks_at(one.place()));
  const auto second = RingSpace::create(ticks_at(other));
  const auto third = RingSpace::create(ticks_at(file.place()));
  const auto names = [](const std::vector<FoundRing>& rings) {
    std::vector<std::string> found;
    for (const auto& ring : rings) {
      found.push_back(ring.place.name());
    }
    return found;
  };
  CHECK(names(list_shm_rings(one.place().name())) == std::vector{one.place().name(), other.name()});
  CHECK(names(list_shm_rings(one.place().name() + ":")) == std::vector{other.name()});
  CHECK(list_shm_rings(other.name() + "0").empty());
  const auto directory = file.place().directory();
  const auto own_name = std::filesystem::path(file.place().path()).filename().string();
  CHECK(names(list_file_rings(directory, own_name.substr(0, 2))) == std::vector{file.place().name()});
  CHECK(list_file_rings(directory, own_name + "x").empty());
  for (const char* part : {"", "members", "lock"}) {
    ::unlink(other.path(part).c_str());
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

TEST_CASE("ring listing: all rings in shared memory are listed, and each state has a word") {
  ScratchRing scratch(memory::Backing::shm);
  const auto owner = RingSpace::create(ticks_at(scratch.place()));
  const auto rings = list_shm_rings();
  CHECK(std::any_of(rings.begin(), rings.end(),
                    [&](const FoundRing& ring) { return ring.place.path() == scratch.place().path(); }));
  std::set<std::string_view> words;
  for (const auto state : {FoundState::alive, FoundState::ended, FoundState::dead, FoundState::damaged,
                           FoundState::unfinished, FoundState::unknown}) {
    words.insert(to_string(state));
  }
  CHECK(words.size() == 6);
}

TEST_CASE("ring listing: a member table that is too short is said") {
  ScratchRing scratch(memory::Backing::shm);
  killed_owner(scratch.place());
  REQUIRE(::truncate(scratch.place().path("members").c_str(), 100) == 0);
  const auto found = find_ring(scratch.place());
  REQUIRE(found);
  CHECK(found->state == FoundState::dead);
  CHECK(contains(found->problem, "is too short"));
}

TEST_CASE("ring listing: members of an earlier boot are dead, those of another PID namespace are not taken for dead") {
  ScratchRing scratch(memory::Backing::file);
  auto owner = RingSpace::create(ticks_at(scratch.place()));
  const auto pid = fork_child([&] {
    auto mine = Membership::join(RingSpace::attach(scratch.place(), ticks()), {}, monotonic_now());
    return ::raise(SIGKILL);
  });
  CHECK(wait_for_child(pid).code == SIGKILL);
  const auto scope_at = memory::segment_body_offset + offsetof(TableHead, scope);
  const auto alive_with = [&](std::uint64_t offset) {
    const os::Descriptor file(::open(scratch.place().path("members").c_str(), O_RDWR | O_CLOEXEC));
    std::uint64_t before = 0;
    os::read_at(file.get(), std::as_writable_bytes(std::span(&before, 1)), offset, "test");
    const auto other = before + 1;
    os::write_at(file.get(), std::as_bytes(std::span(&other, 1)), offset, "test");
    const auto alive = find_ring(scratch.place())->members_alive;
    os::write_at(file.get(), std::as_bytes(std::span(&before, 1)), offset, "test");
    return alive;
  };
  CHECK(find_ring(scratch.place())->members == 1);
  CHECK(find_ring(scratch.place())->members_alive == 0);
  CHECK(alive_with(scope_at + offsetof(PidScope, boot_id)) == 0);
  CHECK(alive_with(scope_at + offsetof(PidScope, pid_namespace)) == 1);
}

TEST_CASE("ring listing: a ring whose members cannot be looked at is unknown, and is not removed") {
  ScratchRing scratch(memory::Backing::file);
  REQUIRE(::chmod(scratch.directory().c_str(), 0777) == 0);
  const auto status = in_forked_child([&] {
    if (::geteuid() == 0 && ::setuid(65'534) != 0) {
      return 1;
    }
    {
      const auto owner = RingSpace::create(ticks_at(scratch.place()));
    }
    ::chmod(scratch.place().path("members").c_str(), 0);
    std::string text;
    if (find_ring(scratch.place())->state != FoundState::unknown) {
      return 2;
    }
    return error_of([&] { remove_ring(scratch.place()); }, &text) == ErrorCode::wrong_state &&
                   contains(text, "whether living members use it is not known")
               ? 0
               : 3;
  });
  CHECK(status.to_string() == "exited with 0");
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
