#include "ringfleet/memory/segment.hpp"

#include "ringfleet/base/assert.hpp"
#include "ringfleet/base/atomics.hpp"
#include "ringfleet/base/bits.hpp"
#include "ringfleet/base/error.hpp"
#include "ringfleet/memory/detail/hidden_file.hpp"
#include "ringfleet/memory/detail/segment_header.hpp"
#include "ringfleet/os/file.hpp"
#include "ringfleet/os/memory_file.hpp"
#include "ringfleet/os/memory_placement.hpp"

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

// The version is what makes a header valid, so it is stored last.
void write_header(std::span<std::byte> file, const SegmentHeader& header) {
  SegmentHeader incomplete = header;
  incomplete.layout_version = 0;
  std::memcpy(file.data(), &incomplete, sizeof(incomplete));
  auto& version = *reinterpret_cast<std::uint32_t*>(file.data() + offsetof(SegmentHeader, layout_version));
  Atomics::store_release(version, header.layout_version);
}

// A file on a hugetlbfs consists of whole huge pages: the body takes what the rounding adds.
SegmentSpec in_whole_pages(SegmentSpec spec, int fd, std::string_view label) {
  if (const auto page = os::huge_page_bytes_of(fd, label); page != 0) {
    spec.body_bytes = round_up(segment_body_offset + spec.body_bytes, page) - segment_body_offset;
  }
  return spec;
}

} // namespace

os::Descriptor create_anonymous_segment(std::string_view label, const SegmentSpec& spec, bool huge_pages) {
  const auto bytes = file_bytes_of(spec, label);
  const bool use_pool = huge_pages && !os::has_transparent_huge_shared_memory();
  auto file = use_pool ? os::create_huge_memory_file(label, bytes) : os::create_memory_file(label, bytes);
  const auto whole = in_whole_pages(spec, file.get(), label);
  os::Mapping mapping(file.get(), file_bytes_of(whole, label), os::Access::read_write, label);
  write_header(mapping.writable_bytes(), detail::make_header(whole));
  return file;
}

void seal_segment(const os::Descriptor& descriptor, std::string_view label) {
  os::seal_single_writer(descriptor.get(), label);
}

Segment::Segment(os::Descriptor descriptor, os::Mapping mapping, const SegmentHeader& header) noexcept
    : descriptor_(std::move(descriptor)), mapping_(std::move(mapping)), header_(header) {}

Segment Segment::attach_writer(os::Descriptor descriptor, const Expectation& expected, std::string_view label,
                               const os::MappingOptions& options) {
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
  os::Mapping mapping(descriptor.get(), facts.size_bytes, os::Access::read_write, label, options);
  return {std::move(descriptor), std::move(mapping), header};
}

Segment Segment::attach_reader(os::Descriptor descriptor, const Expectation& expected, std::string_view label,
                               bool many_writers, const os::MappingOptions& options) {
  const auto facts = os::file_facts(descriptor.get(), label);
  if (many_writers && !os::has_size_seals(facts.seals)) {
    throw bad(label, "its size is not sealed", "its creator must seal SHRINK and GROW");
  }
  if (!many_writers && !os::has_single_writer_seals(facts.seals)) {
    throw bad(label, fmt::format("it is not sealed to one writer (seals {:#x})", facts.seals),
              "its creator must seal SHRINK, GROW, FUTURE_WRITE and SEAL");
  }
  const auto header = read_header(descriptor.get(), facts, label);
  detail::check_header(header, expected, label);
  check_size(header, facts, label);
  os::Mapping mapping(descriptor.get(), facts.size_bytes, os::Access::read_only, label, options);
  return {std::move(descriptor), std::move(mapping), header};
}

Segment Segment::create_file(const std::string& path, const SegmentSpec& spec) {
  return HiddenSegment(path, spec).appear();
}

HiddenSegment::HiddenSegment(const std::string& path, const SegmentSpec& spec, const SegmentOptions& options) {
  (void)file_bytes_of(spec, path);
  file_ = std::make_unique<detail::HiddenFile>(path, options.mode);
  const int fd = file_->descriptor().get();
  const auto whole = in_whole_pages(spec, fd, path);
  const auto bytes = file_bytes_of(whole, path);
  os::allocate(fd, bytes, fmt::format("segment '{}'", path));
  os::Mapping mapping(fd, bytes, os::Access::read_write, path, options.mapping);
  const auto header = detail::make_header(whole);
  write_header(mapping.writable_bytes(), header);
  segment_ = Segment(os::Descriptor(), std::move(mapping), header);
}

HiddenSegment::~HiddenSegment() = default;

Segment HiddenSegment::appear() {
  segment_.descriptor_ = file_->appear();
  return std::move(segment_);
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

namespace {

os::Descriptor open_segment(const std::string& path, os::Access access) {
  const int how = access == os::Access::read_write ? O_RDWR : O_RDONLY;
  auto descriptor = os::try_open(path, how | O_NOFOLLOW | O_NONBLOCK);
  if (!descriptor) {
    throw Error::from_errno(fmt::format("open segment '{}'", path), errno,
                            errno == ELOOP    ? "somebody put a link in its place"
                            : errno == EMFILE ? "raise the limit on open files (ulimit -n)"
                                              : "");
  }
  return descriptor;
}

} // namespace

Segment Segment::attach_file_reader(const std::string& path, const Expectation& expected) {
  auto descriptor = open_segment(path, os::Access::read_only);
  const auto facts = os::file_facts(descriptor.get(), path);
  if (facts.owner_uid != ::geteuid() && ::geteuid() != 0) {
    throw Error(ErrorCode::no_permission, fmt::format("segment '{}': it belongs to uid {}", path, facts.owner_uid),
                "use the account it belongs to");
  }
  const auto header = check_file_segment(descriptor, expected, path);
  os::Mapping mapping(descriptor.get(), segment_body_offset + header.body_bytes, os::Access::read_only, path);
  return {std::move(descriptor), std::move(mapping), header};
}

Segment Segment::attach_named(const std::string& path, const Expectation& expected, os::Access access,
                              const Trust& trust, const os::MappingOptions& options) {
  auto descriptor = open_segment(path, access);
  const auto facts = os::file_facts(descriptor.get(), path);
  const auto owner = trust.owner_uid.value_or(::geteuid());
  if (!facts.is_regular) {
    throw bad(path, "it is not a regular file");
  }
  if (facts.owner_uid != owner) {
    throw Error(ErrorCode::no_permission,
                fmt::format("segment '{}': owner is uid {}, expected uid {}", path, facts.owner_uid, owner),
                "use the account it belongs to, or name the one that is to be trusted");
  }
  if ((facts.mode & ~trust.mode_max) != 0) {
    throw Error(ErrorCode::no_permission,
                fmt::format("segment '{}': mode is {:04o}, expected at most {:04o}", path, facts.mode, trust.mode_max),
                "others could write to it: take the permission away, or name the mode that is to be trusted");
  }
  const auto header = check_file_segment(descriptor, expected, path);
  os::Mapping mapping(descriptor.get(), segment_body_offset + header.body_bytes, access, path, options);
  return {std::move(descriptor), std::move(mapping), header};
}

Segment Segment::heap(const SegmentSpec& spec) {
  auto mapping = os::Mapping::heap(file_bytes_of(spec, "heap"));
  const auto header = detail::make_header(spec);
  write_header(mapping.writable_bytes(), header);
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
