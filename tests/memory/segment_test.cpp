// How a segment comes into being, who may map it how, and what a receiver refuses.

#include "../os/forked_child.hpp"
#include "../os/scratch_directory.hpp"
#include "ringfleet/memory/segment.hpp"
#include "ringfleet/os/file.hpp"
#include "ringfleet/os/memory_file.hpp"

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace ringfleet;
using namespace ringfleet::memory;
using test::error_of;
using test::in_forked_child;

namespace {

constexpr std::uint64_t body_bytes = 8'192;
constexpr SegmentSpec spec{.kind = SegmentKind::replies, .body_bytes = body_bytes, .generation = 3, .fingerprint = 77};
constexpr Expectation expected{
    .kind = SegmentKind::replies, .body_bytes_min = body_bytes, .fingerprint = 77, .generation = 3};

// The text of the refusal, with its code checked.
template <typename Attach>
std::string refusal(Attach attach, ErrorCode code = ErrorCode::bad_segment) {
  std::string text = "it was accepted";
  CHECK(error_of(attach, &text) == code);
  return text;
}

bool contains(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

SegmentHeader header_of(const os::Descriptor& file) {
  SegmentHeader header{};
  os::read_at(file.get(), std::as_writable_bytes(std::span(&header, 1)), 0, "test");
  return header;
}

} // namespace

TEST_CASE("segment: goes from creator to writer to seal to reader, and the writer's bytes arrive") {
  auto creation = create_anonymous_segment("test", spec);
  auto writer = Segment::attach_writer(creation.duplicate(), expected, "test");
  seal_segment(creation, "test");
  auto reader = Segment::attach_reader(creation.duplicate(), expected, "test");
  creation.reset();
  writer.close_descriptor();
  CHECK(writer.is_writable());
  CHECK_FALSE(reader.is_writable());
  CHECK(writer.body().size() == body_bytes);
  CHECK(reader.header().generation == 3);
  CHECK(reader.header().creator_pid == static_cast<std::uint32_t>(::getpid()));
  writer.writable_body()[body_bytes - 1] = std::byte{9};
  CHECK(reader.body()[body_bytes - 1] == std::byte{9});
  CHECK(reinterpret_cast<std::uintptr_t>(reader.body().data()) % page_bytes == 0);
}

TEST_CASE("segment: a sealed one accepts no second writer, not even a restarted owner") {
  const auto creation = create_anonymous_segment("test", spec); // trap 5
  seal_segment(creation, "test");
  const auto text =
      refusal([&] { (void)Segment::attach_writer(creation.duplicate(), expected, "test"); }, ErrorCode::wrong_state);
  CHECK(contains(text, "a new incarnation needs a new segment"));
}

TEST_CASE("segment: asking a reader for a writable body is an assertion") {
  const auto creation = create_anonymous_segment("test", spec);
  seal_segment(creation, "test");
  auto reader = Segment::attach_reader(creation.duplicate(), expected, "test");
  CHECK(in_forked_child([&] { return static_cast<int>(reader.writable_body().size()); }) ==
        os::ExitStatus{.signalled = true, .code = SIGABRT});
}

TEST_CASE("segment: a reader refuses one that is not sealed to its writer") {
  const auto creation = create_anonymous_segment("test", spec);
  const auto attach = [&] { (void)Segment::attach_reader(creation.duplicate(), expected, "test"); };
  CHECK(contains(refusal(attach), "not sealed to one writer"));
  REQUIRE(::fcntl(creation.get(), F_ADD_SEALS, F_SEAL_FUTURE_WRITE) == 0); // all but SEAL
  CHECK(contains(refusal(attach), "not sealed to one writer"));
}

TEST_CASE("segment: a reader refuses a sparse one that passes every other check") {
  const auto header = header_of(create_anonymous_segment("test", spec)); // trap 12
  const os::Descriptor sparse(::memfd_create("sparse", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  REQUIRE(::ftruncate(sparse.get(), static_cast<off_t>(page_bytes + body_bytes)) == 0);
  os::write_at(sparse.get(), std::as_bytes(std::span(&header, 1)), 0, "sparse");
  REQUIRE(::fcntl(sparse.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0);
  CHECK(contains(refusal([&] { (void)Segment::attach_writer(sparse.duplicate(), expected, "test"); }), "it is sparse"));
  seal_segment(sparse, "sparse");
  CHECK(contains(refusal([&] { (void)Segment::attach_reader(sparse.duplicate(), expected, "test"); }), "it is sparse"));
}

TEST_CASE("segment: anything that is no segment is refused by name") {
  const auto attach = [](os::Descriptor file) {
    return refusal([&] { (void)Segment::attach_reader(std::move(file), expected, "test"); });
  };
  CHECK(contains(attach(os::Descriptor(::open("/dev/zero", O_RDWR | O_CLOEXEC))), "not sealed"));
  auto empty = os::create_memory_file("empty", 0);
  seal_segment(empty, "empty");
  CHECK(contains(attach(std::move(empty)), "it has 0 bytes"));
  auto zeros = os::create_memory_file("zeros", page_bytes + body_bytes);
  seal_segment(zeros, "zeros");
  CHECK(contains(attach(std::move(zeros)), "magic is 0x0000000000000000, expected 0x5445454c46474e52"));
}

TEST_CASE("segment: every field that differs from the expectation is refused by its own name") {
  const auto creation = create_anonymous_segment("test", spec); // fault 36
  seal_segment(creation, "test");
  const auto attach = [&](auto change) {
    Expectation other = expected;
    change(other);
    return refusal([&] { (void)Segment::attach_reader(creation.duplicate(), other, "test"); });
  };
  CHECK(
      contains(attach([](Expectation& e) { e.kind = SegmentKind::arena; }), "kind is replies (2), expected arena (3)"));
  CHECK(contains(attach([](Expectation& e) { e.body_bytes_min = 10'000; }),
                 "body size is 8192, expected at least 10000"));
  CHECK(contains(attach([](Expectation& e) { e.fingerprint = 78; }), "schema fingerprint is"));
  CHECK(contains(attach([](Expectation& e) { e.generation = 4; }), "generation is 3, expected 4"));
}

TEST_CASE("segment: no single flipped bit of the header page is taken for something else") {
  const auto good = create_anonymous_segment("test", spec); // fault 36
  std::vector<std::byte> page(page_bytes);
  os::read_at(good.get(), page, 0, "good");
  auto file = os::create_memory_file("flipped", page_bytes + body_bytes);
  int accepted_outside = 0;
  int accepted_inside = 0;
  for (std::size_t bit = 0; bit < page_bytes * 8; ++bit) {
    const auto mask = static_cast<std::byte>(1U << bit % 8);
    page[bit / 8] ^= mask;
    os::write_at(file.get(), page, 0, "flipped");
    page[bit / 8] ^= mask;
    const auto code = error_of([&] { (void)Segment::attach_writer(file.duplicate(), expected, "flipped"); });
    if (code == ErrorCode{}) {
      ++(bit / 8 < offsetof(SegmentHeader, reserved) ? accepted_inside : accepted_outside);
    } else {
      REQUIRE((code == ErrorCode::bad_segment || code == ErrorCode::version_mismatch));
    }
  }
  CHECK(accepted_inside == 0);
  CHECK(accepted_outside == (page_bytes - offsetof(SegmentHeader, reserved)) * 8); // never read
}

TEST_CASE("segment: of another version or another boot says what to do") {
  auto header = header_of(create_anonymous_segment("test", spec));
  auto file = os::create_memory_file("test", page_bytes + body_bytes);
  const auto attach = [&](ErrorCode code) {
    os::write_at(file.get(), std::as_bytes(std::span(&header, 1)), 0, "test");
    return refusal([&] { (void)Segment::attach_writer(file.duplicate(), expected, "test"); }, code);
  };
  header.layout_version = segment_layout_version + 1;
  CHECK(contains(attach(ErrorCode::version_mismatch), "use the same version"));
  header.layout_version = 0;
  CHECK(contains(attach(ErrorCode::version_mismatch), "died before it was complete"));
  header.layout_version = segment_layout_version;
  header.boot_id[0] ^= 1;
  CHECK(contains(attach(ErrorCode::bad_segment), "boot id"));
}

TEST_CASE("segment: a header that promises more than the file holds is refused") {
  const auto header = header_of(create_anonymous_segment("test", spec));
  for (const std::uint64_t bytes : {body_bytes - 4'096, body_bytes + 4'096}) {
    auto file = os::create_memory_file("test", page_bytes + bytes);
    os::write_at(file.get(), std::as_bytes(std::span(&header, 1)), 0, "test");
    CHECK(contains(refusal([&] { (void)Segment::attach_writer(std::move(file), expected, "test"); }),
                   "body size is 8192, but the file has"));
  }
}

TEST_CASE("segment: an impossible size is refused before anything is allocated") {
  for (const std::uint64_t bytes : {std::uint64_t{0}, ~std::uint64_t{0}, std::uint64_t{1} << 63}) {
    CHECK(error_of([&] { (void)create_anonymous_segment("test", {.body_bytes = bytes}); }) ==
          ErrorCode::invalid_argument);
  }
}

TEST_CASE("segment: assigning over a live owner releases what it held") {
  auto held = Segment::attach_writer(create_anonymous_segment("a", spec), expected, "a");
  const int first = held.descriptor().get();
  const auto* const mapped = held.body().data();
  held = Segment::attach_writer(create_anonymous_segment("b", spec), expected, "b");
  unsigned char resident = 0;
  CHECK(::mincore(const_cast<std::byte*>(mapped), page_bytes, &resident) == -1);
  CHECK(::fcntl(first, F_GETFD) == -1);
}

TEST_CASE("segment: moving it keeps the body where it is") {
  auto one = Segment::heap(spec);
  const auto* const body = one.body().data();
  const auto two = std::move(one);
  CHECK(two.body().data() == body);
  CHECK(two.header().body_bytes == body_bytes);
}

TEST_CASE("segment: a guard page faults, and the pages beside it do not") {
  auto segment = Segment::attach_writer(create_anonymous_segment("test", spec), expected, "test");
  segment.guard(page_bytes, page_bytes);
  segment.writable_body()[page_bytes - 1] = std::byte{1};
  const auto status = in_forked_child([] {
    auto own = Segment::attach_writer(create_anonymous_segment("test", spec), expected, "test");
    own.guard(page_bytes, page_bytes);
    own.writable_body()[page_bytes] = std::byte{1};
    return 0;
  });
  CHECK(status == os::ExitStatus{.signalled = true, .code = SIGSEGV});
}

TEST_CASE("file segment: appears complete, is never replaced, and leaves no debris") {
  test::ScratchDirectory directory;
  const auto path = directory / "counters";
  auto writer = Segment::create_file(path, spec);
  const auto reader = Segment::attach_file_reader(path, expected);
  writer.writable_body()[0] = std::byte{5};
  CHECK(reader.body()[0] == std::byte{5});
  CHECK(error_of([&] { (void)Segment::create_file(path, spec); }) == ErrorCode::already_exists);
  CHECK(reader.body()[0] == std::byte{5});
  REQUIRE(::unlink(path.c_str()) == 0);
  CHECK(::rmdir(directory.path().c_str()) == 0); // nothing else was in there
  CHECK(error_of([&] { (void)Segment::attach_file_reader(path, expected); }) == ErrorCode::not_found);
}

TEST_CASE("file segment: who is given its descriptor writes into it, and is refused another one") {
  test::ScratchDirectory directory;
  const auto path = directory / "counters";
  const auto owner = Segment::create_file(path, spec);
  auto writer = Segment::attach_file_writer(owner.descriptor().duplicate(), expected, "counters");
  writer.writable_body()[0] = std::byte{5};
  CHECK(Segment::attach_file_reader(path, expected).body()[0] == std::byte{5});
  auto other = expected;
  other.fingerprint = 78;
  CHECK(contains(refusal([&] { (void)Segment::attach_file_writer(owner.descriptor().duplicate(), other, "counters"); }),
                 "fingerprint"));
}

TEST_CASE("file segment: outlives its killed owner and can still be read") {
  test::ScratchDirectory directory;
  const auto path = directory / "counters";
  const auto status = in_forked_child([&] {
    auto writer = Segment::create_file(path, spec);
    writer.writable_body()[0] = std::byte{5};
    return ::raise(SIGKILL);
  });
  CHECK(status.code == SIGKILL);
  CHECK(Segment::attach_file_reader(path, expected).body()[0] == std::byte{5});
}

TEST_CASE("file segment: truncated, a directory, a link or of another kind is refused") {
  test::ScratchDirectory directory;
  const auto path = directory / "counters";
  {
    const auto writer = Segment::create_file(path, spec);
  }
  const auto attach = [](const std::string& name) {
    return refusal([&] { (void)Segment::attach_file_reader(name, expected); });
  };
  REQUIRE(::truncate(path.c_str(), 6'000) == 0); // fault 27
  CHECK(contains(attach(path), "but the file has 1904 bytes"));
  REQUIRE(::truncate(path.c_str(), 50) == 0);
  CHECK(contains(attach(path), "it has 50 bytes"));
  CHECK(contains(attach(directory.path()), "not a regular file"));
  REQUIRE(::symlink(path.c_str(), (directory / "link").c_str()) == 0);
  const auto text =
      refusal([&] { (void)Segment::attach_file_reader(directory / "link", expected); }, ErrorCode::system);
  CHECK(contains(text, "link"));
}

TEST_CASE("segment: is refused with an error when its size limit does not allow it (RLIMIT_FSIZE)") {
  // fault 26
  const auto status = in_forked_child([] {
    const rlimit limit{8'192, 8'192};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    return error_of([] { (void)create_anonymous_segment("big", spec); }) == ErrorCode::no_memory ? 0 : 1;
  });
  CHECK(status.to_string() == "exited with 0");
}

TEST_CASE("segment: one whose size is not sealed is refused by writers, and by readers of many writers") {
  const auto header = header_of(create_anonymous_segment("test", spec));
  const os::Descriptor open(::memfd_create("open", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  REQUIRE(::fallocate(open.get(), 0, 0, static_cast<off_t>(page_bytes + body_bytes)) == 0);
  os::write_at(open.get(), std::as_bytes(std::span(&header, 1)), 0, "open");
  const auto read_many = [&] { (void)Segment::attach_reader(open.duplicate(), expected, "test", true); };
  CHECK(contains(refusal([&] { (void)Segment::attach_writer(open.duplicate(), expected, "test"); }),
                 "its size is not sealed"));
  CHECK(contains(refusal(read_many), "its size is not sealed"));
  REQUIRE(::fcntl(open.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0);
  CHECK_NOTHROW(read_many());
}

TEST_CASE("segment: the refusal of another kind names each kind that there is") {
  const auto creation = create_anonymous_segment("test", spec);
  for (std::uint32_t kind = 1; kind <= static_cast<std::uint32_t>(SegmentKind::members); ++kind) {
    if (kind == static_cast<std::uint32_t>(SegmentKind::replies)) {
      continue;
    }
    auto other = expected;
    other.kind = static_cast<SegmentKind>(kind);
    const auto text = refusal([&] { (void)Segment::attach_writer(creation.duplicate(), other, "test"); });
    CHECK(contains(text, (" (" + std::to_string(kind) + ")").c_str()));
    CHECK_FALSE(contains(text, "unknown"));
  }
}

TEST_CASE("segment: an empty handle says that it is one") {
  CHECK_FALSE(static_cast<bool>(Segment()));
  CHECK(static_cast<bool>(Segment::heap(spec)));
}

TEST_CASE("file segment: of another user is read by root and by nobody else") {
  if (::geteuid() != 0) {
    MESSAGE("SKIPPED: only root can become another user");
    return;
  }
  test::ScratchDirectory directory;
  const auto path = directory / "counters";
  const auto writer = Segment::create_file(path, spec);
  REQUIRE(::chmod(directory.path().c_str(), 0755) == 0);
  REQUIRE(::chmod(path.c_str(), 0644) == 0);
  const auto status = in_forked_child([&] {
    std::string text;
    return ::setuid(65'534) == 0 &&
                   error_of([&] { (void)Segment::attach_file_reader(path, expected); }, &text) ==
                       ErrorCode::no_permission &&
                   contains(text, "it belongs to uid 0")
               ? 0
               : 1;
  });
  CHECK(status.to_string() == "exited with 0");
  REQUIRE(::chown(path.c_str(), 65'534, 65'534) == 0);
  CHECK_NOTHROW((void)Segment::attach_file_reader(path, expected));
}

TEST_CASE("file segment: without a free descriptor the error says which limit to raise") {
  test::ScratchDirectory directory;
  const auto path = directory / "counters";
  const auto writer = Segment::create_file(path, spec);
  const auto status = in_forked_child([&] {
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    const rlimit none{0, before.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &none);
    std::string text;
    const auto code = error_of([&] { (void)Segment::attach_file_reader(path, expected); }, &text);
    ::setrlimit(RLIMIT_NOFILE, &before);
    return code == ErrorCode::no_descriptors && contains(text, "ulimit -n") ? 0 : 1;
  });
  CHECK(status.to_string() == "exited with 0");
}
