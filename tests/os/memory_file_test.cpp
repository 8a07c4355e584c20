// The seals of RELIABILITY section 2: who can still write, grow, shrink, punch or map.

#include "forked_child.hpp"
#include "ringfleet/os/file.hpp"
#include "ringfleet/os/mapping.hpp"
#include "ringfleet/os/memory_file.hpp"
#include "scratch_directory.hpp"

#include <cerrno>
#include <string>

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

using namespace ringfleet;
using namespace ringfleet::os;
using test::error_of;
using test::in_forked_child;

namespace {

constexpr std::size_t size = 16'384;

Descriptor reopen(int fd, int flags) {
  return Descriptor(::open(("/proc/self/fd/" + std::to_string(fd)).c_str(), flags | O_CLOEXEC));
}

bool can_map(int fd, int protection) {
  void* const address = ::mmap(nullptr, size, protection, MAP_SHARED, fd, 0);
  if (address == MAP_FAILED) {
    return false;
  }
  ::munmap(address, size);
  return true;
}

} // namespace

TEST_CASE("memory file: is allocated in full, close-on-exec, and of sealed size") {
  const auto file = create_memory_file("test", size);
  const auto facts = file_facts(file.get(), "test");
  CHECK(facts.is_regular);
  CHECK(facts.size_bytes == size);
  CHECK(facts.allocated_bytes >= size);
  CHECK(has_size_seals(facts.seals));
  CHECK_FALSE(has_future_write_seal(facts.seals));
  CHECK_FALSE(has_single_writer_seals(facts.seals));
  CHECK((::fcntl(file.get(), F_GETFD) & FD_CLOEXEC) != 0);
  CHECK(::ftruncate(file.get(), 100) == -1); // fault 27
  CHECK(::ftruncate(file.get(), 2 * size) == -1);
}

TEST_CASE("memory file: beyond the file size limit is refused with an error, never a signal (RLIMIT_FSIZE)") {
  // fault 26
  const auto status = in_forked_child([] {
    const rlimit limit{65'536, 65'536};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    std::string text;
    const auto code = error_of([] { (void)create_memory_file("big", 1U << 20); }, &text);
    const bool small_works = error_of([] { (void)create_memory_file("small", 4'096); }) == ErrorCode{};
    return code == ErrorCode::no_memory && text.find("ulimit -f") != std::string::npos && small_works ? 0 : 1;
  });
  CHECK(status.to_string() == "exited with 0");
}

TEST_CASE("file: on a full tmpfs is refused at creation and leaves nothing behind (1 MiB tmpfs)") {
  // fault 26
  test::ScratchDirectory directory;
  const auto status = in_forked_child([&] {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("none", directory.path().c_str(), "tmpfs", 0, "size=1m") != 0) {
      return 77;
    }
    const auto path = directory / "big";
    const bool refused = error_of([&] { (void)create_file(path, 2U << 20); }) == ErrorCode::no_memory;
    const bool gone = ::access(path.c_str(), F_OK) == -1 && errno == ENOENT;
    const bool small_works = error_of([&] { (void)create_file(path, 65'536); }) == ErrorCode{};
    return refused && gone && small_works ? 0 : 1;
  });
  if (status.code == 77) {
    MESSAGE("SKIPPED: mounting a tmpfs is not permitted here");
    return;
  }
  CHECK(status.to_string() == "exited with 0");
}

TEST_CASE("single writer: the mapping that exists keeps writing, and every other way to write is refused") {
  const auto file = create_memory_file("test", size);
  Mapping writer(file.get(), size, Access::read_write, "test");
  seal_single_writer(file.get(), "test");
  CHECK(has_single_writer_seals(file_facts(file.get(), "test").seals));

  const Mapping reader(file.get(), size, Access::read_only, "test");
  writer.writable_bytes()[5'000] = std::byte{42};
  CHECK(reader.bytes()[5'000] == std::byte{42});

  SUBCASE("a new writable mapping") {
    CHECK_FALSE(can_map(file.get(), PROT_READ | PROT_WRITE));
    std::string text;
    CHECK(error_of([&] { Mapping(file.get(), size, Access::read_write, "test"); }, &text) == ErrorCode::no_permission);
    CHECK(text.find("needs a new segment") != std::string::npos);
  }
  SUBCASE("making a read-only mapping writable") {
    auto* const address = const_cast<std::byte*>(reader.bytes().data());
    CHECK(::mprotect(address, size, PROT_READ | PROT_WRITE) == -1);
    CHECK(errno == EACCES);
  }
  SUBCASE("write") {
    CHECK(::pwrite(file.get(), "x", 1, 0) == -1);
  }
  SUBCASE("punching a hole") {
    CHECK(::fallocate(file.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4'096, 4'096) == -1);
    CHECK(::madvise(const_cast<std::byte*>(reader.bytes().data()), size, MADV_REMOVE) == -1);
    CHECK(reader.bytes()[5'000] == std::byte{42});
  }
  SUBCASE("truncation") {
    CHECK(::ftruncate(file.get(), 0) == -1);
    CHECK(::ftruncate(file.get(), 2 * size) == -1);
  }
  SUBCASE("another open of the same file") {
    const auto again = reopen(file.get(), O_RDWR);
    CHECK(again); // the kernel opens it, but nothing can be written through it
    CHECK_FALSE(can_map(again.get(), PROT_READ | PROT_WRITE));
    CHECK(::pwrite(again.get(), "x", 1, 0) == -1);
  }
  SUBCASE("further seals") {
    CHECK(error_of([&] { seal_immutable(file.get(), "test"); }) == ErrorCode::wrong_state);
  }
}

TEST_CASE(
    "memory file: with its size sealed only can still be punched (why the writer is sealed before readers come)") {
  const auto file = create_memory_file("test", size); // trap 6
  CHECK(::fallocate(file.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4'096, 4'096) == 0);
  const auto facts = file_facts(file.get(), "test");
  CHECK(facts.allocated_bytes < facts.size_bytes);
}

TEST_CASE("immutable: is refused while somebody could still write, and then holds for everybody") {
  const auto file = create_executable_memory_file("test", size);
  {
    const Mapping writer(file.get(), size, Access::read_write, "test");
    CHECK(error_of([&] { seal_immutable(file.get(), "test"); }) == ErrorCode::wrong_state);
  }
  seal_immutable(file.get(), "test");
  CHECK_FALSE(can_map(file.get(), PROT_READ | PROT_WRITE));
  CHECK(can_map(file.get(), PROT_READ));
  CHECK(can_map(file.get(), PROT_READ | PROT_EXEC));
  CHECK(::pwrite(file.get(), "x", 1, 0) == -1);
}

TEST_CASE("memory file: a label that is too long is refused by name") {
  std::string text;
  CHECK(error_of([] { (void)create_memory_file(std::string(300, 'x'), 4'096); }, &text) == ErrorCode::system);
  CHECK(text.find("shorten the label") != std::string::npos);
}
