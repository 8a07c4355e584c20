// What a fork does not carry along: leases, locks, mappings.

#include "forked_child.hpp"
#include "ringfleet/os/directory_watch.hpp"
#include "ringfleet/os/file.hpp"
#include "ringfleet/os/file_lock.hpp"
#include "ringfleet/os/fork.hpp"
#include "ringfleet/os/mapping.hpp"
#include "ringfleet/os/memory_file.hpp"
#include "scratch_directory.hpp"

#include <thread>
#include <utility>

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/mman.h>

using namespace ringfleet;
using namespace ringfleet::os;
using namespace std::chrono_literals;
using test::error_of;
using test::in_forked_child;
using test::ScratchDirectory;

TEST_CASE("fork: a lease is closed in the child and stays open in the parent") {
  Lease lease(create_memory_file("test", 4'096));
  Lease moved(std::move(lease));
  const HomeProcess home;
  const auto status = in_forked_child([&] {
    const bool is_closed = moved.get() == -1;
    return is_closed && !home.is_here() ? 0 : 1;
  });
  CHECK(status.to_string() == "exited with 0");
  CHECK(home.is_here());
  CHECK(::fcntl(moved.get(), F_GETFD) == FD_CLOEXEC);
}

TEST_CASE("fork: assigning over a live lease closes what it held") {
  Lease held(create_memory_file("a", 1));
  const int first = held.get();
  held = Lease(create_memory_file("b", 1));
  CHECK(::fcntl(first, F_GETFD) == -1);
  held = Lease();
  CHECK(held.get() == -1);
}

TEST_CASE("fork: a lock ends with its holder although a child of the holder lives on") { // trap 2
  ScratchDirectory directory;
  const auto path = directory / "lock";
  int ends[2];
  int began[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  REQUIRE(::pipe2(began, O_CLOEXEC) == 0);
  const Descriptor read_end(ends[0]);
  Descriptor write_end(ends[1]); // closed at the end of this test, which ends the grandchild
  const Descriptor began_read(began[0]);
  const Descriptor began_write(began[1]);
  const auto pid = test::fork_child([&] {
    const auto lock = FileLock::try_acquire(path);
    const auto grandchild = test::fork_child([&] {
      write_end.reset();
      char byte = 0;
      return static_cast<int>(::write(began_write.get(), &byte, 1) + ::read(read_end.get(), &byte, 1));
    });
    char byte = 0;
    const bool has_begun = ::read(began_read.get(), &byte, 1) == 1;
    return lock && grandchild > 0 && has_begun && ::raise(SIGKILL) == 0 ? 0 : 1;
  });
  CHECK(test::wait_for_child(pid) == ExitStatus{.signalled = true, .code = SIGKILL});
  CHECK(FileLock::try_acquire(path));
}

TEST_CASE("fork: a child that drops a mapping of its parent unmaps nothing of its own") {
  auto mapping = std::make_unique<Mapping>(create_memory_file("test", 4'096).get(), 4'096U, Access::read_write, "test");
  auto* const address = mapping->writable_bytes().data();
  const auto status = in_forked_child([&] {
    // The parent's mapping is not here, so its address is free for something else.
    auto* const own = ::mmap(address, 4'096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    mapping.reset();
    *static_cast<char*>(own) = 1;
    return 0;
  });
  CHECK(status.to_string() == "exited with 0");
}

TEST_CASE("file lock: shared by several, exclusive for one, and turned from one into the other") {
  ScratchDirectory directory;
  const auto path = directory / "lock";
  auto first = FileLock::try_acquire(path, "1");
  REQUIRE(first);
  CHECK_FALSE(FileLock::try_share(path));
  first->share("one");
  CHECK(FileLock::note_hint(path) == "one");
  auto second = FileLock::try_share(path);
  CHECK(second);
  CHECK_FALSE(FileLock::try_acquire(path));
  first.reset();
  CHECK_FALSE(FileLock::try_acquire(path));
  CHECK(FileLock::state_hint(path) == FileLock::State::held);
  second.reset();
  CHECK(FileLock::try_acquire(path));
}

TEST_CASE("directory watch: tells of a new name, of a change before the wait, and of the deadline") {
  ScratchDirectory directory;
  DirectoryWatch watch(directory.path());
  CHECK_FALSE(watch.wait(monotonic_now()));
  (void)create_file(directory / "a", 1);
  CHECK(watch.wait(never));
  while (watch.wait(monotonic_now())) {
  }
  std::thread other([&] { (void)create_file(directory / "b", 1); });
  CHECK(watch.wait(deadline_after(monotonic_now(), 20s)));
  other.join();
  CHECK(error_of([&] { DirectoryWatch missing(directory / "missing"); }) == ErrorCode::not_found);
}

TEST_CASE("directory watch: that a file is closed after writing is an event only for those who want it") {
  ScratchDirectory directory;
  (void)create_file(directory / "a", 1);
  DirectoryWatch all(directory.path());
  DirectoryWatch some(directory.path(), Closing::is_ignored);
  (void)try_open(directory / "a", O_RDWR);
  CHECK(all.wait(deadline_after(monotonic_now(), 20s)));
  CHECK_FALSE(some.wait(monotonic_now()));
}
