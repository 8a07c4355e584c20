// What belongs to a ring is told from what only lies under its name: that is neither mentioned nor removed.

#include "space_fixture.hpp"

#include "ringfleet/os/file.hpp"
#include "ringfleet/os/file_lock.hpp"
#include "ringfleet/ring/ring_listing.hpp"
#include "ringfleet/ring/ring_space_layout.hpp"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <string>

#include <doctest/doctest.h>

#include <unistd.h>

using namespace ringfleet;
using namespace ringfleet::ring;
using namespace ringfleet::ring::test;

TEST_CASE("ring listing: files of others in a directory are not mentioned") {
  ScratchRing scratch(memory::Backing::file);
  const auto file = os::create_file(scratch.directory() + "/letter.txt", 100);
  const auto odd = os::create_file(scratch.directory() + "/a+b.new", 100);
  CHECK(list_file_rings(scratch.directory()).empty());
}

TEST_CASE("ring listing: of what lies in a directory only rings are mentioned, and what was left of one") {
  ScratchRing scratch(memory::Backing::file);
  const auto short_file = os::create_file(scratch.directory() + "/short", 3);
  std::filesystem::create_directory(scratch.directory() + "/folder");
  const auto counters = memory::Segment::create_file(scratch.directory() + "/counters",
                                                     {.kind = memory::SegmentKind::counters, .body_bytes = page_bytes});
  CHECK(list_file_rings(scratch.directory()).empty());
  const auto left = os::create_file(scratch.place().path("members+12-0.new"), 100);
  const auto rings = list_file_rings(scratch.directory());
  REQUIRE(rings.size() == 1);
  CHECK(rings[0].state == FoundState::unfinished);
  // The debris of another ring stays when this one is made anew.
  const auto other = os::create_file(scratch.directory() + "/other+members+12-0.new", 100);
  const auto owner = RingSpace::create(ticks_at(scratch.place()));
  CHECK_FALSE(os::is_there(scratch.place().path("members+12-0.new")));
  CHECK(os::is_there(scratch.directory() + "/other+members+12-0.new"));
}

TEST_CASE("ring listing: a segment of another kind is somebody else's, however small: not mentioned, never removed") {
  using memory::SegmentKind;
  for (const auto backing : {memory::Backing::shm, memory::Backing::file}) {
    const ScratchRing scratch(backing);
    const auto path = scratch.place().path();
    const auto lock = os::FileLock::try_acquire(scratch.place().path("lock")); // even beside a lock that is held
    REQUIRE(lock);
    for (const auto kind : {SegmentKind::counters, SegmentKind::arena, SegmentKind::members, SegmentKind::requests}) {
      for (const std::size_t bytes : {std::size_t{8}, sizeof(RingHead) - 1, page_bytes}) {
        const auto foreign = memory::Segment::create_file(path, {.kind = kind, .body_bytes = bytes});
        CHECK_FALSE(find_ring(scratch.place()));
        CHECK(error_of([&] { remove_ring(scratch.place()); }) == ErrorCode::not_found);
        REQUIRE(::unlink(path.c_str()) == 0); // and there it was
      }
    }
    // A ring that is too short is one all the same.
    const auto ring = memory::Segment::create_file(path, {.kind = SegmentKind::ring, .body_bytes = 8});
    const auto found = find_ring(scratch.place());
    REQUIRE(found);
    CHECK(found->state == FoundState::alive); // as far as the lock says
  }
}

TEST_CASE("ring listing: a table that lies beside somebody else's segment is not mentioned or removed either") {
  for (const auto backing : {memory::Backing::shm, memory::Backing::file}) {
    const ScratchRing scratch(backing);
    const auto table = scratch.place().path("members");
    const auto members =
        memory::Segment::create_file(table, {.kind = memory::SegmentKind::members, .body_bytes = page_bytes});
    REQUIRE(find_ring(scratch.place())); // as long as it lies there alone, it is what was left of a ring
    const auto foreign = memory::Segment::create_file(
        scratch.place().path(), {.kind = memory::SegmentKind::counters, .body_bytes = page_bytes});
    CHECK_FALSE(find_ring(scratch.place()));
    CHECK(error_of([&] { remove_ring(scratch.place()); }) == ErrorCode::not_found);
    CHECK(scratch.count_files() == 2);
  }
}

TEST_CASE("ring listing: an arena belongs to its ring, a segment of another kind under its name does not") {
  for (const auto backing : {memory::Backing::shm, memory::Backing::file}) {
    ScratchRing scratch(backing);
    const auto arena = scratch.place().path("arena");
    {
      auto spec = ticks_at(scratch.place());
      spec.arena_bytes = page_bytes;
      const auto owner = RingSpace::create(spec);
      const auto files = find_ring(scratch.place())->files;
      CHECK(files.size() == 3);
      CHECK(std::ranges::count(files, arena) == 1);
    }
    REQUIRE(::unlink(arena.c_str()) == 0);
    const auto foreign =
        memory::Segment::create_file(arena, {.kind = memory::SegmentKind::counters, .body_bytes = page_bytes});
    CHECK(find_ring(scratch.place())->files.size() == 2);
  }
}

TEST_CASE("ring space: under a name in shared memory, which only we give, what is no ring is replaced by one") {
  const ScratchRing scratch(memory::Backing::shm);
  (void)memory::Segment::create_file(scratch.place().path(),
                                     {.kind = memory::SegmentKind::counters, .body_bytes = page_bytes});
  auto spec = ticks_at(scratch.place());
  CHECK(error_of([&] { (void)RingSpace::create(spec); }) == ErrorCode::bad_segment); // not unless it is told to
  spec.existing = Existing::replace;
  const auto owner = RingSpace::create(spec);
  CHECK(RingSpace::attach(scratch.place(), ticks()).owner().generation == 1);
}

TEST_CASE(
    "ring space: what lies where a ring has its members or its arena, and is no such thing, is refused by name and "
    "stays") {
  for (const auto backing : {memory::Backing::shm, memory::Backing::file}) {
    for (const char* part : {"members", "arena"}) {
      CAPTURE(part);
      const ScratchRing scratch(backing);
      const auto path = scratch.place().path(part);
      const auto foreign =
          memory::Segment::create_file(path, {.kind = memory::SegmentKind::counters, .body_bytes = page_bytes});
      const auto refused = [&](const std::function<void()>& action) {
        try {
          action();
        } catch (const Error& error) {
          CHECK(error.code() == ErrorCode::wrong_state);
          const std::string text = error.what();
          CHECK_MESSAGE(text.find(path + "' is a segment of kind counters, expected a segment of kind " + part) !=
                            std::string::npos,
                        text);
          return os::is_there(path);
        }
        return false;
      };
      for (const auto existing : {Existing::continue_it, Existing::replace}) {
        auto spec = ticks_at(scratch.place());
        spec.existing = existing;
        CHECK(refused([&] { (void)RingSpace::create(spec); }));
      }
      // Nor is a ring beside it taken away in part: its readers are not told of an end that does not come.
      REQUIRE(::unlink(path.c_str()) == 0);
      {
        const auto owner = RingSpace::create(ticks_at(scratch.place()));
      }
      const auto reader = RingSpace::attach(scratch.place(), ticks());
      if (os::is_there(path)) {
        REQUIRE(::unlink(path.c_str()) == 0);
      }
      const auto again =
          memory::Segment::create_file(path, {.kind = memory::SegmentKind::counters, .body_bytes = page_bytes});
      CHECK(refused([&] { remove_ring(scratch.place()); }));
      auto spec = ticks_at(scratch.place());
      spec.existing = Existing::replace;
      CHECK(refused([&] { (void)RingSpace::create(spec); }));
      CHECK(os::is_there(scratch.place().path()));
      CHECK(reader.owner().state != OwnerState::replaced);
    }
  }
}

TEST_CASE("ring space: among files, what is no segment and lies where a ring has its members is refused and stays") {
  const ScratchRing scratch(memory::Backing::file);
  const auto path = scratch.place().path("members");
  const auto letter = os::create_file(path, 100);
  CHECK(error_of([&] { (void)RingSpace::create(ticks_at(scratch.place())); }) == ErrorCode::wrong_state);
  CHECK(os::is_there(path));
}
