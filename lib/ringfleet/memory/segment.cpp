#include "ringfleet/memory/segment.hpp"

#include "ringfleet/base/assert.hpp"
#include "ringfleet/base/atomics.hpp"
#include "ringfleet/base/error.hpp"
#include "ringfleet/memory/detail/segment_header.hpp"
#include "ringfleet/os/file.hpp"
#include "ringfleet/os/memory_file.hpp"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include <fcntl.h>
#include <unistd.h>

namespace ringfleet::memory {
namespace {

std::uint64_t file_bytes_of(const SegmentSpec& spec, std::string_view label) {
  if (spec.body_bytes == 0 ||
      spec.body_bytes > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) - segment_body_offset) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("create segment '{}': a body of {} bytes is not possible", label, spec.body_bytes));
  }
  return segment_body_offset + spec.body_bytes;
}

Error bad(std::string_view label, const std::string& what, const char* advice = "") {
  return Error(ErrorCode::bad_segment, fmt::format("segment '{}': {}", label, what), advice);
}

// Read by system call, so that a file that is truncated meanwhile is an error and not SIGBUS. The one copy is what is
// checked and used.
SegmentHeader read_header(int fd, const os::FileFacts& facts, std::string_view label) {
  if (!facts.is_regular) {
    throw bad(label, "it is not a regular file");
  }
  if (facts.size_bytes <= segment_body_offset) {
    throw bad(label, fmt::format("it has {} bytes, expected more than {}", facts.size_bytes, segment_body_offset));
  }
  SegmentHeader header{};
  os::read_at(fd, std::as_writable_bytes(std::span(&header, 1)), 0, label);
  return header;
}

void check_size(const SegmentHeader& header, const os::FileFacts& facts, std::string_view label) {
  if (header.body_bytes != facts.size_bytes - segment_body_offset) {
    throw bad(label, fmt::format("body size is {}, but the file has {} bytes behind the header", header.body_bytes,
                                 facts.size_bytes - segment_body_offset));
  }
  if (facts.allocated_bytes < facts.size_bytes) {
    throw bad(label, fmt::format("it is sparse: {} of {} bytes are allocated", facts.allocated_bytes, facts.size_bytes),
              "its creator must allocate it in full");
  }
}

// The version is what makes a header valid, so it is written last.
void write_header(int fd, const SegmentHeader& header, std::string_view label) {
  SegmentHeader incomplete = header;
  incomplete.layout_version = 0;
  os::write_at(fd, std::as_bytes(std::span(&incomplete, 1)), 0, label);
  os::write_at(fd, std::as_bytes(std::span(&header.layout_version, 1)), offsetof(SegmentHeader, layout_version), label);
}

// A file that lies under a name of its own until it is complete.
class HiddenFile {
public:
  HiddenFile(const std::string& path, std::uint64_t size_bytes) : path_(path), temporary_(temporary_name(path)) {
    ::unlink(temporary_.c_str()); // debris of an earlier process with this pid
    descriptor_ = os::create_file(temporary_, size_bytes);
  }
  HiddenFile(const HiddenFile&) = delete;
  HiddenFile& operator=(const HiddenFile&) = delete;
  ~HiddenFile() { ::unlink(temporary_.c_str()); }

  [[nodiscard]] const os::Descriptor& descriptor() const noexcept { return descriptor_; }

  [[nodiscard]] static std::string temporary_name(const std::string& path) {
    static std::atomic<unsigned> count{0};
    return fmt::format("{}.{}.{}.new", path, ::getpid(), count.fetch_add(1));
  }

  // Unlike a rename, a link never replaces what is there.
  [[nodiscard]] os::Descriptor appear() {
    if (::link(temporary_.c_str(), path_.c_str()) != 0) {
      throw Error::from_errno(fmt::format("put segment '{}' into place", path_), errno,
                              errno == EEXIST ? "remove it if its owner is dead" : "");
    }
    return std::move(descriptor_);
  }

private:
  std::string path_;
  std::string temporary_;
  os::Descriptor descriptor_;
};

} // namespace

os::Descriptor create_anonymous_segment(std::string_view label, const SegmentSpec& spec) {
  auto file = os::create_memory_file(label, file_bytes_of(spec, label));
  write_header(file.get(), detail::make_header(spec), label);
  return file;
}

void seal_segment(const os::Descriptor& descriptor, std::string_view label) {
  os::seal_single_writer(descriptor.get(), label);
}

Segment::Segment(os::Descriptor descriptor, os::Mapping mapping, const SegmentHeader& header) noexcept
    : descriptor_(std::move(descriptor)), mapping_(std::move(mapping)), header_(header) {}

Segment Segment::attach_writer(os::Descriptor descriptor, const Expectation& expected, std::string_view label) {
  const auto facts = os::file_facts(descriptor.get(), label);
  if (os::has_future_write_seal(facts.seals)) {
    throw Error(ErrorCode::wrong_state, fmt::format("segment '{}': it is sealed against new writers", label),
                "a new incarnation needs a new segment");
  }
  if (!os::has_size_seals(facts.seals)) {
    throw bad(label, "its size is not sealed", "its creator must seal SHRINK and GROW");
  }
  const auto header = read_header(descriptor.get(), facts, label);
  detail::check_header(header, expected, label);
  check_size(header, facts, label);
  os::Mapping mapping(descriptor.get(), facts.size_bytes, os::Access::read_write, label);
  return {std::move(descriptor), std::move(mapping), header};
}

Segment Segment::attach_reader(os::Descriptor descriptor, const Expectation& expected, std::string_view label) {
  const auto facts = os::file_facts(descriptor.get(), label);
  if (!os::has_single_writer_seals(facts.seals)) {
    throw bad(label, fmt::format("it is not sealed to one writer (seals {:#x})", facts.seals),
              "its creator must seal SHRINK, GROW, FUTURE_WRITE and SEAL");
  }
  const auto header = read_header(descriptor.get(), facts, label);
  detail::check_header(header, expected, label);
  check_size(header, facts, label);
  os::Mapping mapping(descriptor.get(), facts.size_bytes, os::Access::read_only, label);
  return {std::move(descriptor), std::move(mapping), header};
}

Segment Segment::create_file(const std::string& path, const SegmentSpec& spec) {
  HiddenFile file(path, file_bytes_of(spec, path));
  const auto header = detail::make_header(spec);
  write_header(file.descriptor().get(), header, path);
  os::Mapping mapping(file.descriptor().get(), file_bytes_of(spec, path), os::Access::read_write, path);
  return {file.appear(), std::move(mapping), header};
}

SegmentHeader check_file_segment(const os::Descriptor& descriptor, const Expectation& expected,
                                 std::string_view label) {
  const auto facts = os::file_facts(descriptor.get(), label);
  const auto header = read_header(descriptor.get(), facts, label);
  detail::check_header(header, expected, label);
  check_size(header, facts, label);
  return header;
}

Segment Segment::attach_file_writer(os::Descriptor descriptor, const Expectation& expected, std::string_view label) {
  const auto header = check_file_segment(descriptor, expected, label);
  os::Mapping mapping(descriptor.get(), segment_body_offset + header.body_bytes, os::Access::read_write, label);
  return {std::move(descriptor), std::move(mapping), header};
}

Segment Segment::attach_file_reader(const std::string& path, const Expectation& expected) {
  os::Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (!descriptor) {
    throw Error::from_errno(fmt::format("open segment '{}'", path), errno,
                            errno == ELOOP ? "somebody put a link in its place" : "");
  }
  const auto facts = os::file_facts(descriptor.get(), path);
  if (facts.owner_uid != ::geteuid() && ::geteuid() != 0) {
    throw Error(ErrorCode::no_permission, fmt::format("segment '{}': it belongs to uid {}", path, facts.owner_uid),
                "use the account it belongs to");
  }
  const auto header = read_header(descriptor.get(), facts, path);
  detail::check_header(header, expected, path);
  check_size(header, facts, path);
  os::Mapping mapping(descriptor.get(), facts.size_bytes, os::Access::read_only, path);
  return {std::move(descriptor), std::move(mapping), header};
}

Segment Segment::heap(const SegmentSpec& spec) {
  auto mapping = os::Mapping::heap(file_bytes_of(spec, "heap"));
  const auto header = detail::make_header(spec);
  SegmentHeader incomplete = header;
  incomplete.layout_version = 0;
  const auto bytes = mapping.writable_bytes();
  std::memcpy(bytes.data(), &incomplete, sizeof(incomplete));
  auto& version = *reinterpret_cast<std::uint32_t*>(bytes.data() + offsetof(SegmentHeader, layout_version));
  Atomics::store_release(version, header.layout_version);
  return {os::Descriptor(), std::move(mapping), header};
}

std::span<const std::byte> Segment::body() const noexcept {
  return mapping_.bytes().subspan(segment_body_offset);
}

std::span<std::byte> Segment::writable_body() noexcept {
  RINGFLEET_ASSERT(mapping_, "only an attached segment has a body");
  return mapping_.writable_bytes().subspan(segment_body_offset);
}

void Segment::guard(std::size_t body_offset, std::size_t length_bytes) {
  mapping_.protect_none(segment_body_offset + body_offset, length_bytes);
}

} // namespace ringfleet::memory
