// Named segments: modes, wishes about their memory, and file systems without space. (T6, T17)

#include "../os/forked_child.hpp"
#include "../os/scratch_directory.hpp"
#include "../scale.hpp"
#include "ringfleet/memory/segment.hpp"
#include "ringfleet/os/memory_placement.hpp"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace ringfleet;
using namespace ringfleet::memory;
using test::error_of;
using test::in_forked_child;

namespace {

constexpr SegmentSpec spec{.kind = SegmentKind::ring, .body_bytes = 64 * 1'024, .generation = 3, .fingerprint = 77};
constexpr Expectation expected{
    .kind = SegmentKind::ring, .body_bytes_min = 64 * 1'024, .fingerprint = 77, .generation = 3};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

Segment create(const std::string& path, const SegmentOptions& options = {}) {
  return HiddenSegment(path, spec, options).appear();
}

// A child in a mount namespace of its own, with a tmpfs of `bytes` on `directory`. Its exit code; 77: not allowed here.
template <class Work>
int on_small_tmpfs(const std::string& directory, const char* options, Work&& work) {
  return in_forked_child([&] {
           if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
               ::mount("tmpfs", directory.c_str(), "tmpfs", 0, options) != 0) {
             return 77;
           }
           return work();
         })
      .code;
}

// What of this process' mapping of the file lies in transparent huge pages.
std::uint64_t huge_bytes_mapped(const std::string& path) {
  std::ifstream smaps("/proc/self/smaps");
  bool is_of_file = false;
  std::uint64_t kibibytes = 0;
  for (std::string line; std::getline(smaps, line);) {
    if (line.find(" kB") == std::string::npos && line.rfind("VmFlags", 0) != 0) {
      is_of_file = line.find(path) != std::string::npos;
    } else if (is_of_file && line.rfind("ShmemPmdMapped:", 0) == 0) {
      kibibytes += std::stoull(line.substr(line.find(':') + 1));
    }
  }
  return kibibytes * 1'024;
}

// Asked without the library: does the kernel join reserved pages of this tmpfs (MADV_COLLAPSE, Linux 6.1)?
bool has_huge_pages_free(const std::string& path) {
  constexpr std::size_t bytes = 8U << 20;
  constexpr int madv_collapse = 25;
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file == -1 || ::posix_fallocate(file, 0, bytes) != 0) {
    return false;
  }
  void* const memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  const bool is_joined = memory != MAP_FAILED && ::madvise(memory, bytes, MADV_HUGEPAGE) == 0 &&
                         ::madvise(memory, bytes, madv_collapse) == 0 && huge_bytes_mapped(path) != 0;
  ::munmap(memory, bytes);
  ::close(file);
  ::unlink(path.c_str());
  return is_joined;
}

bool is_empty_directory(const std::string& path) {
  return std::filesystem::is_empty(path);
}

} // namespace

TEST_CASE("named segment: its mode is what was asked for, whatever the umask") {
  test::ScratchDirectory directory;
  const auto before = ::umask(0077);
  const auto segment = create(directory / "ring", {.mode = 0664});
  ::umask(before);
  struct stat status{};
  REQUIRE(::stat((directory / "ring").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0664);
}

TEST_CASE("named segment: cannot be seen before it appears, and leaves nothing when it never does") {
  test::ScratchDirectory directory;
  {
    HiddenSegment hidden(directory / "ring", spec);
    CHECK(::access((directory / "ring").c_str(), F_OK) != 0);
    hidden.body()[0] = std::byte{1};
  }
  CHECK(is_empty_directory(directory.path()));
  HiddenSegment hidden(directory / "ring", spec);
  hidden.body()[0] = std::byte{1};
  const auto writer = hidden.appear();
  const auto reader = Segment::attach_named(directory / "ring", expected, os::Access::read_only);
  CHECK(reader.body()[0] == std::byte{1});
  CHECK(error_of([&] { (void)create(directory / "ring"); }) == ErrorCode::already_exists);
}

TEST_CASE("named segment: one whose directory goes away meanwhile does not appear, and the error names it") {
  test::ScratchDirectory directory;
  std::filesystem::create_directory(directory / "rings");
  HiddenSegment hidden(directory / "rings/ring", spec);
  std::filesystem::rename(directory / "rings", directory / "elsewhere");
  std::string text;
  CHECK(error_of([&] { (void)hidden.appear(); }, &text) == ErrorCode::not_found);
  CHECK(contains(text, "rings/ring' into place"));
  CHECK_FALSE(contains(text, "remove it"));
  std::filesystem::remove_all(directory / "elsewhere");
}

TEST_CASE("named segment: a full /dev/shm is an error at creation, and leaves nothing behind") {
  // fault 26
  const auto code = on_small_tmpfs("/dev/shm", "size=48k", [] {
    std::string text;
    const auto error = error_of([] { (void)create("/dev/shm/ringfleet.full"); }, &text);
    return error == ErrorCode::no_memory && contains(text, "No space left") && contains(text, "free some") &&
                   is_empty_directory("/dev/shm")
               ? 0
               : 1;
  });
  if (code == 77) {
    MESSAGE("SKIPPED: this user may not mount");
    return;
  }
  CHECK(code == 0);
}

TEST_CASE("named segment: a file system without inodes is an error as well") {
  test::ScratchDirectory directory;
  const auto code = on_small_tmpfs(directory.path(), "nr_inodes=1", [&] {
    return error_of([&] { (void)create(directory / "ring"); }) == ErrorCode::no_memory ? 0 : 1;
  });
  if (code == 77) {
    MESSAGE("SKIPPED: this user may not mount");
    return;
  }
  CHECK(code == 0);
}

TEST_CASE("named segment: a missing directory and a read-only one are named") {
  test::ScratchDirectory directory;
  CHECK(error_of([&] { (void)create(directory / "missing/ring"); }) == ErrorCode::not_found);
  const auto status = in_forked_child([&] {
    if (::geteuid() == 0 && (::chmod(directory.path().c_str(), 0755) != 0 || ::setuid(65'534) != 0)) {
      return 1;
    }
    ::chmod(directory.path().c_str(), 0555);
    return error_of([&] { (void)create(directory / "ring"); }) == ErrorCode::no_permission ? 0 : 2;
  });
  CHECK(status.to_string() == "exited with 0");
}

TEST_CASE("segment options: prefaulting and locking bring every page in") { // T17
  test::ScratchDirectory directory;
  const auto segment = create(directory / "ring", {.mapping = {.prefault = true, .lock_memory = true}});
  std::vector<unsigned char> resident(segment.body().size() / page_bytes);
  REQUIRE(::mincore(const_cast<std::byte*>(segment.body().data()), segment.body().size(), resident.data()) == 0);
  for (const auto page : resident) {
    CHECK((page & 1) == 1);
  }
}

TEST_CASE("segment options: memory that may not be locked is refused, by the limit") { // T17
  if (test::scale_down != 1) {
    MESSAGE("SKIPPED: sanitizers make mlock do nothing");
    return;
  }
  test::ScratchDirectory directory;
  const auto status = in_forked_child([&] {
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_MEMLOCK, &none);
    if (::geteuid() == 0 && (::chmod(directory.path().c_str(), 0777) != 0 || ::setuid(65'534) != 0)) {
      return 1;
    }
    std::string text;
    const auto error = error_of([&] { (void)create(directory / "ring", {.mapping = {.lock_memory = true}}); }, &text);
    return error == ErrorCode::no_permission && contains(text, "ulimit -l") && is_empty_directory(directory.path()) ? 0
                                                                                                                    : 2;
  });
  CHECK(status.to_string() == "exited with 0");
}

TEST_CASE("segment options: a NUMA node that is there is used, one that is not is refused by its number") { // T17
  test::ScratchDirectory directory;
  std::string text;
  const auto with_node = [&](std::uint32_t node) {
    return error_of([&] { (void)create(directory / "ring", {.mapping = {.prefault = true, .numa_node = node}}); },
                    &text);
  };
  CHECK(with_node(777) == ErrorCode::invalid_argument);
  CHECK(contains(text, "there is no NUMA node 777"));
  CHECK(with_node(5'000'000) == ErrorCode::invalid_argument);
  const auto first = with_node(0);
  CHECK((first == ErrorCode{} || first == ErrorCode::wrong_state || first == ErrorCode::invalid_argument));
  if (first != ErrorCode{}) {
    MESSAGE("SKIPPED: ", text);
  }
}

TEST_CASE("segment options: huge pages are used or refused with what to do, never left out silently") { // T17
  test::ScratchDirectory directory;
  std::string text;
  const auto on_disk = error_of([&] { (void)create(directory / "ring", {.mapping = {.huge_pages = true}}); }, &text);
  CHECK((on_disk == ErrorCode::wrong_state || on_disk == ErrorCode{})); // the directory may lie on a tmpfs
  const auto path = "/dev/shm/ringfleet-test-huge-" + std::to_string(::getpid());
  const auto in_shm = error_of([&] { (void)create(path, {.mapping = {.huge_pages = true}}); }, &text);
  ::unlink(path.c_str());
  if (in_shm != ErrorCode{}) {
    CHECK(in_shm == ErrorCode::wrong_state);
    CHECK(contains(text, "huge=advise"));
  }
  const auto anonymous = error_of([] { (void)create_anonymous_segment("test", spec, true); }, &text);
  if (anonymous != ErrorCode{}) {
    CHECK(anonymous == ErrorCode::wrong_state);
    CHECK(contains(text, "vm.nr_hugepages"));
    MESSAGE("SKIPPED: no pool of huge pages here");
  }
}

TEST_CASE(
    "segment options: a file lies in huge pages where its tmpfs has them, whatever is said of memory files") { // T17
  constexpr SegmentSpec large{.kind = SegmentKind::ring, .body_bytes = 8U << 20, .generation = 3, .fingerprint = 77};
  const SegmentOptions wishes{.mapping = {.huge_pages = true}};
  test::ScratchDirectory directory;
  const auto path = directory / "ring";
  const auto with = on_small_tmpfs(directory.path(), "size=64M,huge=advise", [&] {
    if (!has_huge_pages_free(directory / "probe")) {
      return 78;
    }
    const auto segment = HiddenSegment(path, large, wishes).appear();
    return huge_bytes_mapped(path) != 0 ? 0 : 1;
  });
  if (with == 77 || with == 78) {
    MESSAGE("SKIPPED: this user may not mount a tmpfs, or this kernel has no huge pages for it");
    return;
  }
  CHECK(with == 0);
  const auto without = on_small_tmpfs(directory.path(), "size=64M,huge=never", [&] {
    std::string text;
    const auto error = error_of([&] { (void)create(path, wishes); }, &text);
    return error == ErrorCode::wrong_state && contains(text, "huge=advise") && is_empty_directory(directory.path()) ? 0
                                                                                                                    : 1;
  });
  CHECK(without == 0);
}

TEST_CASE("segment options: a segment of huge pages is rounded up to whole ones, and attached as it is") { // T17
  if (os::has_transparent_huge_shared_memory()) {
    MESSAGE("SKIPPED: this kernel takes transparent huge pages first");
    return;
  }
  os::Descriptor file;
  if (error_of([&] { file = create_anonymous_segment("test", spec, true); }) != ErrorCode{}) {
    MESSAGE("SKIPPED: no pool of huge pages here");
    return;
  }
  auto writer = Segment::attach_writer(file.duplicate(), expected, "test");
  seal_segment(file, "test");
  const auto reader = Segment::attach_reader(std::move(file), expected, "test");
  CHECK((reader.body().size() + page_bytes) % (2U << 20) == 0);
  writer.writable_body()[0] = std::byte{1};
  CHECK(reader.body()[0] == std::byte{1});
}
