// A ring's memory behind one handle: every backing, one owner at a time, continued by the next one. (T6, T7, T12)

#include "damaged_ring.hpp"

#include "ringfleet/ring/detail/ring_family.hpp"
#include "ringfleet/ring/membership.hpp"
#include "ringfleet/ring/ring_listing.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>
#include <vector>

#include <doctest/doctest.h>

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

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

TEST_CASE("ring space: a heap ring has its arena on the heap") {
  auto spec = ticks_at(memory::Place::heap());
  spec.arena_bytes = 10'000;
  const auto owner = RingSpace::create(spec);
  const auto reader = owner.share();
  CHECK(owner.arena().size() == 12'288);
  owner.arena()[12'287] = std::byte{7};
  CHECK(reader.arena()[12'287] == std::byte{7});
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

TEST_CASE("ring space: a replacement that was cut short by a death is finished, not undone") {
  for (const auto backing : {memory::Backing::shm, memory::Backing::file}) {
    ScratchRing scratch(backing);
    const auto spec = ticks_at(scratch.place());
    {
      const auto owner = RingSpace::create(spec);
    }
    const auto before = RingSpace::attach(scratch.place(), ticks());
    ring::detail::retire(scratch.place()); // all that a process did which died then
    const auto owner = RingSpace::create(spec);
    CHECK(before.owner().state == OwnerState::replaced);
    const auto after = RingSpace::attach(scratch.place(), ticks());
    CHECK(after.facts().birth != before.facts().birth);
    CHECK(after.owner().generation == 1);
    CHECK(after.owner().state == OwnerState::owned);
  }
}

TEST_CASE("ring space: what is no ring is not replaced by one") {
  const ScratchRing scratch(memory::Backing::file);
  const std::string path = scratch.place().path();
  (void)memory::Segment::create_file(path, {.kind = memory::SegmentKind::counters, .body_bytes = page_bytes});
  auto spec = ticks_at(scratch.place());
  spec.existing = Existing::replace;
  std::string text;
  CHECK(error_of([&] { (void)RingSpace::create(spec); }, &text) == ErrorCode::wrong_state);
  CHECK(contains(text, "is a segment of kind counters, expected ring"));
  CHECK(std::filesystem::exists(path));
}

// Whoever unlinked it would let two hold "the" lock of one name.
TEST_CASE("ring space: the lock of a name is one file for good, through ends, replacements and removals") { // DESIGN 3
  ScratchRing scratch(memory::Backing::file);
  auto spec = ticks_at(scratch.place());
  spec.existing = Existing::replace;
  const auto lock = [&] {
    struct stat facts{};
    REQUIRE(::stat(scratch.place().path("lock").c_str(), &facts) == 0);
    return facts.st_ino;
  };
  std::optional<RingSpace> owner(RingSpace::create(spec));
  const auto before = lock();
  owner.reset();
  CHECK(lock() == before);
  owner.emplace(RingSpace::create(spec));
  CHECK(lock() == before);
  owner.reset();
  remove_ring(scratch.place());
  CHECK(lock() == before);
}

TEST_CASE("ring space: a forked child is told that the ring is not its own, by name") {
  ScratchRing scratch(memory::Backing::shm);
  auto owner = RingSpace::create(ticks_at(scratch.place()));
  auto reading = RingSpace::attach(scratch.place(), ticks());
  const auto status = in_forked_child([&] {
    std::string text;
    const bool is_refused =
        error_of([&] { (void)owner.memory<Tick>(); }, &text) == ErrorCode::wrong_state &&
        contains(text, "shm ring 'test-") && contains(text, "was forked from the one that opened it") &&
        error_of([&] { (void)Membership::join(reading, {}, 0); }) == ErrorCode::wrong_state && !owner.is_here();
    reading = RingSpace(); // what the child drops is not the parent's
    const RingSpace dropped = std::move(owner);
    return is_refused && dropped.owner().state == OwnerState::absent ? 0 : 1;
  });
  CHECK(status.to_string() == "exited with 0");
  CHECK(RingSpace::attach(scratch.place(), ticks()).owner().state == OwnerState::owned);
}

TEST_CASE("ring space: a file ring is made beside files of others, and a damaged one in shared memory is replaced") {
  ScratchRing beside(memory::Backing::file);
  std::ofstream(beside.directory() + "/letters to and fro") << "none of ours";
  std::ofstream(beside.directory() + "/ticks+1-0.new") << "left by a dead one";
  {
    const auto owner = RingSpace::create(ticks_at(beside.place()));
  }
  CHECK(std::filesystem::exists(beside.directory() + "/letters to and fro"));
  CHECK_FALSE(std::filesystem::exists(beside.directory() + "/ticks+1-0.new"));
  CHECK(RingSpace::create(ticks_at(memory::Place::file(beside.directory() + "/ticks"))).owner().generation == 2);

  const Damaged garbage(memory::Backing::shm);
  garbage.write(0, std::uint64_t{42});
  auto spec = ticks_at(garbage.place());
  spec.existing = Existing::replace;
  CHECK(RingSpace::create(spec).owner().generation == 1);
}

TEST_CASE("ring space: an owner of many whose directory is gone ends without a word") {
  ScratchRing scratch(memory::Backing::file);
  auto spec = ticks_at(scratch.place());
  spec.producers = Producers::many;
  auto expected = ticks();
  expected.producers = Producers::many;
  std::optional<RingSpace> owner = RingSpace::create(spec);
  const auto reading = RingSpace::attach(scratch.place(), expected);
  std::filesystem::remove_all(scratch.directory());
  owner.reset();
  CHECK(reading.owner().state == OwnerState::owned); // readers learn of it from the kernel
}

TEST_CASE("ring space: a child that its owner has forked is no second writer, and does not keep the name") {
  ScratchRing scratch(memory::Backing::shm);
  const auto pid = fork_child([&] {
    const auto owner = RingSpace::create(ticks_at(scratch.place()));
    const auto lines = owner.lines();
    const auto grandchild = fork_child([&] {
      lines.producer->cursor.publish(1); // faults: the mapping is not here
      return 0;
    });
    return wait_for_child(grandchild) == os::ExitStatus{.signalled = true, .code = SIGSEGV} && ::raise(SIGKILL) == 0
               ? 0
               : 1;
  });
  CHECK(wait_for_child(pid) == os::ExitStatus{.signalled = true, .code = SIGKILL});
  const auto owner = RingSpace::create(ticks_at(scratch.place()));
  CHECK(owner.owner().generation == 2);
}

TEST_CASE("ring space: no space for one of its segments leaves nothing of the others") {
  // fault 26
  ringfleet::test::ScratchDirectory directory;
  const auto status = in_forked_child([&] {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("tmpfs", directory.path().c_str(), "tmpfs", 0, "size=1m") != 0) {
      return 77;
    }
    auto spec = ticks_at(memory::Place::file(directory / "ticks"));
    spec.capacity = 65'536; // the members fit, the ring does not
    std::string text;
    if (error_of([&] { (void)RingSpace::create(spec); }, &text) != ErrorCode::no_memory ||
        !contains(text, "No space left")) {
      return 1;
    }
    int files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(directory.path())) {
      files += entry.path().filename() != "ticks+lock";
    }
    return files;
  });
  if (status.code == 77) {
    MESSAGE("SKIPPED: this user may not mount");
    return;
  }
  CHECK(status.to_string() == "exited with 0");
}

TEST_CASE("ring space: a specification that cannot be is refused by the field that is wrong") {
  const auto refused = [](auto change) {
    auto spec = ticks_at(memory::Place::heap());
    change(spec);
    std::string text;
    const auto code = error_of([&] { (void)RingSpace::create(spec); }, &text);
    CHECK((code == ErrorCode::invalid_argument || code == ErrorCode::limit_reached));
    return text;
  };
  CHECK(contains(refused([](RingSpec& s) { s.capacity = 48; }), "capacity is 48: it must be a power of two"));
  CHECK(contains(refused([](RingSpec& s) { s.capacity = 0; }), "capacity is 0"));
  CHECK(contains(refused([](RingSpec& s) { s.capacity = 1ULL << 40; }), "the limit is 4294967296"));
  CHECK(contains(refused([](RingSpec& s) { s.unit_bytes = 0; }), "unit size is 0"));
  CHECK(contains(refused([](RingSpec& s) { s.unit_bytes = 2U << 20; }), "unit size is 2097152, the limit is 1048576"));
  CHECK(contains(refused([](RingSpec& s) { s.members = 0; }), "number of members is 0"));
  CHECK(contains(refused([](RingSpec& s) { s.members = 127; }), "number of members is 127, the limit is 126"));
  CHECK(contains(refused([](RingSpec& s) { s.options.mode = 0444; }), "mode is 0444"));
  CHECK(contains(refused([](RingSpec& s) { s.options.mode = 04600; }), "mode is 04600"));
  CHECK(contains(refused([](RingSpec& s) { s.options.mapping.prefault = true; }), "takes no wishes"));
  CHECK(contains(refused([](RingSpec& s) { s.arena_bytes = 1ULL << 40; }), "arena size is"));
}
