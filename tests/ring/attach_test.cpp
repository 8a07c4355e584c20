// What an attach refuses, each difference by its own name. (T15)

#include "../os/own_pid_namespace.hpp"
#include "damaged_ring.hpp"

#include "ringfleet/base/limits.hpp"
#include "ringfleet/os/file.hpp"
#include "ringfleet/ring/membership.hpp"

#include <cstring>
#include <random>
#include <vector>

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/stat.h>

using namespace ringfleet;
using namespace ringfleet::ring;
using namespace ringfleet::ring::test;
using ringfleet::test::passes_in_own_pid_namespace;

TEST_CASE("attach: each difference from the expectation is refused by its own name") { // T15
  ScratchRing scratch(memory::Backing::shm);
  const auto owner = RingSpace::create(ticks_at(scratch.place()));
  const auto refused = [&](auto change) {
    auto expected = ticks();
    change(expected);
    const auto attempt = attach(scratch.place(), expected);
    CHECK(attempt.code == ErrorCode::bad_segment);
    return attempt.text;
  };
  CHECK(contains(refused([](RingExpectation& e) { e.unit_bytes = 24; }), "element size is 16, expected 24"));
  CHECK(contains(refused([](RingExpectation& e) { e.capacity = 128; }), "capacity is 64, expected 128"));
  CHECK(contains(refused([](RingExpectation& e) { e.fingerprint = 1; }),
                 "schema fingerprint is 0x000000000000071c, expected 0x0000000000000001"));
  CHECK(contains(refused([](RingExpectation& e) { e.waiting = Waiting::spin; }), "waiting is park, expected spin"));
  CHECK(contains(refused([](RingExpectation& e) { e.lossy_allowed = false; }), "lossy readers is yes, expected no"));
  CHECK(contains(refused([](RingExpectation& e) { e.producers = Producers::many; }), "is one, expected many"));
  ScratchRing other(memory::Backing::shm);
  auto spec = ticks_at(other.place());
  spec.waiting = Waiting::spin;
  spec.lossy_allowed = false;
  const auto spins = RingSpace::create(spec);
  auto expected = ticks();
  expected.waiting = Waiting::spin;
  expected.lossy_allowed = true;
  CHECK(contains(attach(other.place(), expected).text, "lossy readers is no, expected yes"));
}

TEST_CASE("attach: a shape that no build of ours would write is refused by its field") { // fault 36
  const auto refused = [](auto change) {
    const Damaged scratch;
    scratch.write_shape(change);
    const auto attempt = attach(scratch.place());
    CHECK(attempt.code == ErrorCode::bad_segment);
    return attempt.text;
  };
  CHECK(contains(refused([](RingShape& s) { s.capacity = 48; }), "capacity is 48"));
  CHECK(contains(refused([](RingShape& s) { s.capacity = limits::ring_capacity_max * 2; }), "capacity is"));
  CHECK(contains(refused([](RingShape& s) { s.unit_bytes = 0; }), "element size is 0"));
  CHECK(contains(refused([](RingShape& s) { s.unit_bytes = limits::ring_unit_bytes_max + 1; }), "element size is"));
  CHECK(contains(refused([](RingShape& s) {
                   s.capacity = limits::ring_capacity_max;
                   s.unit_bytes = limits::ring_unit_bytes_max;
                 }),
                 "size in bytes is"));
  CHECK(contains(refused([](RingShape& s) { s.members = 0; }), "number of members is 0"));
  CHECK(contains(refused([](RingShape& s) { s.members = limits::ring_members_max + 1; }), "number of members is"));
  CHECK(contains(refused([](RingShape& s) { s.producers = 7; }), "producers is 7"));
  CHECK(contains(refused([](RingShape& s) { s.waiting = 2; }), "way of waiting is 2"));
  CHECK(contains(refused([](RingShape& s) { s.lossy = 2; }), "lossy readers is 2"));
  CHECK(contains(refused([](RingShape& s) { s.arena_bytes = 100; }), "arena size is 100"));
  CHECK(contains(refused([](RingShape& s) { s.arena_bytes = round_up(limits::ring_arena_bytes_max + 1, page_bytes); }),
                 "arena size is"));
  CHECK(contains(refused([](RingShape& s) { s.claim_bytes += 8; }), "claim table size is"));
  const auto lends = [](std::uint32_t lenders, std::uint64_t arena_bytes, Producers producers) {
    return [=](RingShape& s) {
      s.layout = ring_layout_version_lenders;
      s.lenders = lenders;
      s.arena_bytes = arena_bytes;
      s.producers = static_cast<std::uint32_t>(producers);
    };
  };
  CHECK(contains(refused(lends(limits::ring_arenas_max + 1, page_bytes, Producers::many)), "number of arenas is"));
  CHECK(contains(refused(lends(2, page_bytes, Producers::one)), "number of arenas is 2"));
  CHECK(contains(refused(lends(2, limits::ring_arena_bytes_max, Producers::many)), "number of arenas is 2"));
  CHECK(contains(refused(lends(2, page_bytes, Producers::many)), "claim table size is")); // and not the arenas
}

TEST_CASE("attach: a ring segment that is too short for its head is refused") {
  const ScratchRing scratch(memory::Backing::file);
  const auto tiny = memory::Segment::create_file(
      scratch.place().path(),
      {.kind = memory::SegmentKind::ring, .body_bytes = 64, .fingerprint = ticks().fingerprint});
  CHECK(contains(attach(scratch.place()).text, "body size is 64, expected at least"));
}

TEST_CASE("attach: a ring without a name is not attached by its place") {
  const auto attempt = attach(memory::Place::heap("ticks"));
  CHECK(attempt.code == ErrorCode::invalid_argument);
  CHECK(contains(attempt.text, "it has no name"));
}

TEST_CASE("attach: an observer sees the ring and takes no line in it") {
  ScratchRing scratch(memory::Backing::shm);
  const auto owner = RingSpace::create(ticks_at(scratch.place()));
  const auto space = RingSpace::attach(scratch.place(), ticks(), SpaceRole::observer);
  CHECK(static_cast<bool>(space));
  CHECK_FALSE(static_cast<bool>(RingSpace()));
  CHECK(RingSpace().owner() == Owner{});
  CHECK(space.owner().state == OwnerState::owned);
  std::string text;
  CHECK(error_of([&] { (void)Membership::join(space, {}, monotonic_now()); }, &text) == ErrorCode::invalid_argument);
  CHECK(contains(text, "an observer does not join"));
}

TEST_CASE("attach: by descriptors, each that cannot be is refused by name") {
  auto spec = ticks_at(memory::Place::anonymous("ticks"));
  spec.arena_bytes = page_bytes;
  const auto owner = RingSpace::create(spec);
  const auto refused = [&](std::vector<os::Descriptor> descriptors, SpaceRole role) {
    std::string text;
    CHECK(error_of([&] { (void)RingSpace::attach(std::move(descriptors), ticks(), "ticks", role); }, &text) ==
          ErrorCode::invalid_argument);
    return text;
  };
  CHECK(contains(refused(owner.descriptors(), SpaceRole::observer), "one becomes a reader"));
  CHECK(contains(refused(owner.descriptors(), SpaceRole::owner), "one becomes a reader"));
  auto too_few = owner.descriptors();
  too_few.resize(1);
  CHECK(contains(refused(std::move(too_few), SpaceRole::reader), "1 descriptors, expected 2 or 3"));
  auto too_many = owner.descriptors();
  too_many.push_back(too_many[0].duplicate());
  CHECK(contains(refused(std::move(too_many), SpaceRole::reader), "4 descriptors, expected 2 or 3"));
  auto without_arena = owner.descriptors();
  without_arena.pop_back();
  CHECK(contains(refused(std::move(without_arena), SpaceRole::reader), "the descriptor of its arena is missing"));
  CHECK(RingSpace::attach(owner.descriptors(), ticks(), "ticks").arena().size() == page_bytes);
  const auto heap = RingSpace::create(ticks_at(memory::Place::heap()));
  std::string text;
  CHECK(error_of([&] { (void)heap.descriptors(); }, &text) == ErrorCode::invalid_argument);
  CHECK(contains(text, "it has no descriptors"));
}

TEST_CASE("attach: an owner whose arena or positions cannot be is not continued") {
  const Damaged scratch;
  auto spec = ticks_at(scratch.place());
  std::string text;
  spec.arena_bytes = page_bytes;
  CHECK(error_of([&] { (void)RingSpace::create(spec); }, &text) == ErrorCode::bad_segment);
  CHECK(contains(text, "arena size is 0, expected at least 4096"));
  for (const auto producers : {Producers::one, Producers::many}) {
    const ScratchRing torn(memory::Backing::file);
    spec = ticks_at(torn.place());
    spec.producers = producers;
    {
      const auto owner = RingSpace::create(spec);
      if (producers == Producers::many) {
        owner.shared_lines().shared->limit += 1'000;
      } else {
        owner.lines().producer->limit.publish(1'000);
      }
    }
    CHECK(error_of([&] { (void)RingSpace::create(spec); }, &text) == ErrorCode::bad_segment);
    CHECK(contains(text, "its limit is"));
  }
}

TEST_CASE("attach: the continuing owner is held to the same") {
  const Damaged scratch;
  auto spec = ticks_at(scratch.place());
  std::string text;
  spec.unit_bytes = 24;
  CHECK(error_of([&] { (void)RingSpace::create(spec); }, &text) == ErrorCode::bad_segment);
  CHECK(contains(text, "element size is 16, expected 24"));
  CHECK(contains(text, "replace it"));
  spec = ticks_at(scratch.place());
  spec.members = 9;
  CHECK(error_of([&] { (void)RingSpace::create(spec); }, &text) == ErrorCode::bad_segment);
  CHECK(contains(text, "number of members is 8, expected at least 9"));
  spec.existing = Existing::replace;
  CHECK(RingSpace::create(spec).facts().members == 9);
}

TEST_CASE("attach: a name that nobody has is not found") {
  const auto attempt = attach(memory::Place::shm("test-nobody-" + std::to_string(::getpid())));
  CHECK(attempt.code == ErrorCode::not_found);
}

TEST_CASE("attach: garbage, a short file, a sparse one, a directory and a link are refused by name") {
  SUBCASE("garbage") {
    const Damaged scratch;
    scratch.write(0, std::uint64_t{42});
    const auto attempt = attach(scratch.place());
    CHECK(attempt.code == ErrorCode::bad_segment);
    CHECK(contains(attempt.text, "magic is 0x000000000000002a"));
  }
  SUBCASE("another layout version") {
    const Damaged scratch;
    scratch.write(offsetof(memory::SegmentHeader, layout_version), std::uint32_t{99});
    CHECK(attach(scratch.place()).code == ErrorCode::version_mismatch);
  }
  SUBCASE("the ring layout from before readers said where they began") {
    const Damaged scratch;
    scratch.write_shape([](RingShape& shape) { shape.layout = 0; });
    const auto attempt = attach(scratch.place());
    CHECK(attempt.code == ErrorCode::version_mismatch);
    CHECK(contains(attempt.text, "ring layout version is 0, expected 2"));
    auto spec = ticks_at(scratch.place());
    CHECK(error_of([&] { (void)RingSpace::create(spec); }) == ErrorCode::version_mismatch);
    spec.existing = Existing::replace;
    const auto replaced = RingSpace::create(spec);
    CHECK(attach(scratch.place()).code == ErrorCode{});
  }
  SUBCASE("truncated") {
    const Damaged scratch;
    REQUIRE(::truncate(scratch.place().path().c_str(), 5'000) == 0);
    CHECK(contains(attach(scratch.place()).text, "but the file has 904 bytes"));
    REQUIRE(::truncate(scratch.place().path().c_str(), 0) == 0);
    CHECK(contains(attach(scratch.place()).text, "it has 0 bytes"));
  }
  SUBCASE("truncated members") {
    const Damaged scratch;
    REQUIRE(::truncate(scratch.place().path("members").c_str(), 5'000) == 0);
    CHECK(contains(attach(scratch.place()).text, "+members"));
  }
  SUBCASE("sparse") {
    const Damaged scratch;
    const os::Descriptor file(::open(scratch.place().path().c_str(), O_RDWR | O_CLOEXEC));
    REQUIRE(::fallocate(file.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 8'192, 4'096) == 0);
    CHECK(contains(attach(scratch.place()).text, "it is sparse"));
  }
  SUBCASE("a directory") {
    const ScratchRing scratch(memory::Backing::file);
    REQUIRE(::mkdir(scratch.place().path().c_str(), 0700) == 0);
    CHECK(contains(attach(scratch.place()).text, "not a regular file"));
    REQUIRE(::rmdir(scratch.place().path().c_str()) == 0);
  }
  SUBCASE("a link") {
    const Damaged scratch;
    const ScratchRing other(memory::Backing::file);
    REQUIRE(::symlink(scratch.place().path().c_str(), other.place().path().c_str()) == 0);
    CHECK(contains(attach(other.place()).text, "link"));
  }
  SUBCASE("another kind of segment") {
    const Damaged scratch;
    REQUIRE(::rename(scratch.place().path("members").c_str(), scratch.place().path().c_str()) == 0);
    CHECK(contains(attach(scratch.place()).text, "kind is members (8), expected ring (7)"));
  }
  SUBCASE("the members of another ring") {
    const Damaged scratch;
    const Damaged other;
    REQUIRE(::rename(other.place().path("members").c_str(), scratch.place().path("members").c_str()) == 0);
    CHECK(contains(attach(scratch.place()).text, "generation is"));
  }
  SUBCASE("no members") {
    const Damaged scratch;
    REQUIRE(::unlink(scratch.place().path("members").c_str()) == 0);
    CHECK(attach(scratch.place()).code == ErrorCode::not_found);
  }
}

TEST_CASE("attach: what is no segment is not replaced either") {
  const ScratchRing scratch(memory::Backing::file);
  const auto file = os::create_file(scratch.place().path(), 100);
  auto spec = ticks_at(scratch.place());
  spec.existing = Existing::replace;
  std::string text;
  CHECK(error_of([&] { (void)RingSpace::create(spec); }, &text) == ErrorCode::wrong_state);
  CHECK(contains(text, "is not a segment of ringfleet"));
}

TEST_CASE(
    "attach: no single flipped bit of the shape is taken for something else, and the rest of the head harms nobody") {
  const Damaged scratch; // fault 36
  std::vector<std::byte> head(sizeof(RingHead));
  {
    const os::Descriptor file(::open(scratch.place().path().c_str(), O_RDONLY | O_CLOEXEC));
    os::read_at(file.get(), head, shape_offset, "test");
  }
  int accepted = 0;
  for (std::size_t bit = 0; bit < sizeof(RingShape) * 8; ++bit) {
    const auto byte = static_cast<std::byte>(head[bit / 8] ^ static_cast<std::byte>(1U << bit % 8));
    scratch.write(shape_offset + bit / 8, byte);
    accepted += attach(scratch.place()).code == ErrorCode{};
    scratch.write(shape_offset + bit / 8, head[bit / 8]);
  }
  CHECK(accepted == 0);
  CHECK(attach(scratch.place()).code == ErrorCode{});
}

TEST_CASE("attach: random bytes anywhere in the first pages are an error or a ring, never a crash") {
  const Damaged scratch; // fault 36
  std::mt19937_64 random(1);
  const auto status = in_forked_child([&] {
    for (int round = 0; round < 300; ++round) {
      const auto part = round % 2 == 0 ? "" : "members";
      scratch.write(random() % 8'192 & ~7ULL, random(), part);
      try {
        const auto space = RingSpace::attach(scratch.place(), ticks());
        (void)space.owner();
        (void)Membership::join(space, {.id = "x"}, monotonic_now());
      } catch (const Error&) {
      }
      if (round % 10 == 9) {
        auto spec = ticks_at(scratch.place());
        spec.existing = Existing::replace;
        try {
          (void)RingSpace::create(spec);
        } catch (const Error&) { // the magic itself was hit
          ::unlink(scratch.place().path().c_str());
          ::unlink(scratch.place().path("members").c_str());
          (void)RingSpace::create(spec);
        }
      }
    }
    return 0;
  });
  CHECK(status.to_string() == "exited with 0");
}

TEST_CASE("attach: a ring that others may write is refused unless that is expected") {
  ScratchRing scratch(memory::Backing::shm);
  auto spec = ticks_at(scratch.place());
  spec.options.mode = 0660;
  const auto owner = RingSpace::create(spec);
  const auto attempt = attach(scratch.place());
  CHECK(attempt.code == ErrorCode::no_permission);
  CHECK(contains(attempt.text, "mode is 0660, expected at most 0600"));
  auto expected = ticks();
  expected.trust.mode_max = 0660;
  CHECK(attach(scratch.place(), expected).code == ErrorCode{});
}

TEST_CASE("attach: a ring of another user is refused unless that user is trusted") {
  if (::geteuid() != 0) {
    MESSAGE("SKIPPED: only root can become another user");
    return;
  }
  ScratchRing scratch(memory::Backing::shm);
  auto spec = ticks_at(scratch.place());
  spec.options.mode = 0666;
  const auto owner = RingSpace::create(spec);
  const auto status = in_forked_child([&] {
    if (::setuid(65'534) != 0) {
      return 1;
    }
    auto expected = ticks();
    expected.trust.mode_max = 0666;
    const auto stranger = attach(scratch.place(), expected);
    if (stranger.code != ErrorCode::no_permission || !contains(stranger.text, "owner is uid 0, expected uid 65534")) {
      return 2;
    }
    expected.trust.owner_uid = 0;
    return attach(scratch.place(), expected).code == ErrorCode{} ? 0 : 3;
  });
  CHECK(status.to_string() == "exited with 0");
}

TEST_CASE("attach: a process of another PID namespace is refused by name") {
  ScratchRing scratch(memory::Backing::shm);
  const auto owner = RingSpace::create(ticks_at(scratch.place()));
  CHECK(passes_in_own_pid_namespace([&] {
    const auto attempt = attach(scratch.place());
    return attempt.code == ErrorCode::wrong_state && contains(attempt.text, "belongs to PID namespace");
  }));
}
