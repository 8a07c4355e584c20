#include "forked_child.hpp"
#include "ringfleet/os/affinity.hpp"
#include "ringfleet/os/file.hpp"
#include "ringfleet/os/file_lock.hpp"
#include "scratch_directory.hpp"

#include <string>
#include <thread>

#include <doctest/doctest.h>

#include <sys/stat.h>
#include <unistd.h>

using namespace ringfleet;
using namespace ringfleet::os;
using test::error_of;

namespace {

void write_file(const std::string& path, const std::string& text) {
  const auto file = create_file(path, text.size());
  write_at(file.get(), std::as_bytes(std::span(text)), 0, path);
}

} // namespace

TEST_CASE("file: is read whole up to its limit, by every path that leads to it") {
  test::ScratchDirectory directory;
  const auto path = directory / "file";
  write_file(path, "hello");
  CHECK(read_text_file(path, 5, "test file") == "hello");
  REQUIRE(::symlink(path.c_str(), (directory / "link").c_str()) == 0);
  CHECK(read_text_file(directory / "link", 5, "test file") == "hello");
  CHECK(error_of([&] { (void)read_file(path, 4, "test file"); }) == ErrorCode::limit_reached);
  CHECK(read_text_file("/proc/self/stat", 4'096, "a file that reports no size").find(" (os_test) ") !=
        std::string::npos);
  CHECK(error_of([] { (void)read_file("/proc/self/stat", 10, "test file"); }) == ErrorCode::limit_reached);
}

TEST_CASE("file: missing, a directory, a pipe and a forbidden one are told apart") {
  test::ScratchDirectory directory;
  const auto code_of = [](const std::string& path) {
    return error_of([&] { (void)read_file(path, 100, "test file"); });
  };
  std::string text;
  CHECK(error_of([&] { (void)read_file(directory / "none", 100, "topology file"); }, &text) == ErrorCode::not_found);
  CHECK(text == "open topology file '" + (directory / "none") + "': No such file or directory (check the path)");
  CHECK(code_of(directory.path()) == ErrorCode::invalid_argument);
  REQUIRE(::mkfifo((directory / "pipe").c_str(), 0600) == 0);
  CHECK(code_of(directory / "pipe") == ErrorCode::invalid_argument);
  write_file(directory / "secret", "x");
  ::chmod((directory / "secret").c_str(), 0);
  if (::geteuid() == 0) {
    MESSAGE("SKIPPED: root may read everything");
  } else {
    CHECK(code_of(directory / "secret") == ErrorCode::no_permission);
  }
}

TEST_CASE("file: is never created over anything, planted links included") {
  test::ScratchDirectory directory;
  REQUIRE(::symlink("/tmp/ringfleet-never-created", (directory / "planted").c_str()) == 0);
  CHECK(error_of([&] { (void)create_file(directory / "planted", 10); }) == ErrorCode::already_exists);
  CHECK(::access("/tmp/ringfleet-never-created", F_OK) == -1);
  write_file(directory / "file", "x");
  CHECK(error_of([&] { (void)create_file(directory / "file", 10); }) == ErrorCode::already_exists);
}

TEST_CASE("lock: has one holder, which is released by any kind of end (two holders, one killed)") {
  test::ScratchDirectory directory; // fault 31
  const auto path = directory / "lock";
  CHECK(FileLock::state_hint(path) == FileLock::State::absent);
  {
    const auto held = FileLock::try_acquire(path, "first");
    REQUIRE(held);
    CHECK_FALSE(FileLock::try_acquire(path, "second"));
    CHECK(FileLock::note_hint(path) == "first");
    CHECK(FileLock::state_hint(path) == FileLock::State::held);
    CHECK(FileLock::is_exclusive_hint(path));
    CHECK(test::in_forked_child([&] { return FileLock::try_acquire(path) ? 1 : 0; }).code == 0);
  }
  CHECK(FileLock::state_hint(path) == FileLock::State::free);
  CHECK_FALSE(FileLock::is_exclusive_hint(path));
  test::in_forked_child([&] {
    const auto held = FileLock::try_acquire(path);
    return ::raise(SIGKILL);
  });
  CHECK(FileLock::try_acquire(path));
}

TEST_CASE("lock: assigning over a live owner releases what it held") {
  test::ScratchDirectory directory;
  auto held = FileLock::try_acquire(directory / "a");
  held = FileLock::try_acquire(directory / "b");
  CHECK(FileLock::state_hint(directory / "a") == FileLock::State::free);
  CHECK(FileLock::state_hint(directory / "b") == FileLock::State::held);
}

TEST_CASE("lock: its holder can tell that its file was removed or replaced") { // fault 31
  test::ScratchDirectory directory;
  const auto path = directory / "lock";
  const auto held = FileLock::try_acquire(path);
  REQUIRE(held);
  CHECK(held->is_in_place());
  REQUIRE(::unlink(path.c_str()) == 0);
  CHECK_FALSE(held->is_in_place());
  const auto other = FileLock::try_acquire(path);
  CHECK(other);
  CHECK(other->is_in_place());
  CHECK_FALSE(held->is_in_place());
}

TEST_CASE("lock: a link planted in its place is refused") {
  test::ScratchDirectory directory;
  REQUIRE(::symlink("/tmp/ringfleet-never-created", (directory / "lock").c_str()) == 0);
  std::string text;
  CHECK(error_of([&] { (void)FileLock::try_acquire(directory / "lock"); }, &text) == ErrorCode::system);
  CHECK(text.find("link") != std::string::npos);
}

TEST_CASE("affinity: a thread can be pinned to each allowed core, and to no other") {
  const auto cpus = allowed_cpus();
  REQUIRE_FALSE(cpus.empty());
  std::thread([&] {
    pin_current_thread(cpus.back());
    CHECK(allowed_cpus() == std::vector{cpus.back()});
  }).join();
  CHECK(allowed_cpus() == cpus);
  CHECK(error_of([] { pin_current_thread(100'000); }) == ErrorCode::invalid_argument);
}
