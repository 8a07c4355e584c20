#pragma once

// A segment: a header page and a body that one process writes and others read. An anonymous one goes through these
// states, each step by the process named:
//
//   create_anonymous (creator)  allocated, header written, size sealed, mapped by nobody
//   attach_writer    (writer)   mapped read-write; the writer then tells the creator
//   seal             (creator)  no further writable mapping can ever be made
//   attach_reader    (readers)  seals, size, blocks and header verified, then mapped read-only
//
// Named segments (files and named shared memory) are built under a temporary name and linked into place complete; they
// are not sealed. Heap segments are
// for threads and tests. When a peer dies its mapping simply ends; the bytes stay as they are.

#include "ringfleet/memory/segment_layout.hpp"
#include "ringfleet/os/descriptor.hpp"
#include "ringfleet/os/mapping.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ringfleet::memory {

namespace detail {
class HiddenFile;
} // namespace detail

struct SegmentSpec {
  SegmentKind kind = SegmentKind::ring;
  std::uint64_t body_bytes = 0;
  std::uint64_t generation = 0;
  std::uint64_t fingerprint = 0;
};

// What must be true of a segment that is attached; a difference is Error(bad_segment) naming the field.
struct Expectation {
  SegmentKind kind = SegmentKind::ring;
  std::uint64_t body_bytes_min = 0;
  std::uint64_t fingerprint = 0;
  std::optional<std::uint64_t> generation = std::nullopt;
  bool any_boot = false; // it may have survived a restart of the machine
};

// How a named segment is made and mapped.
struct SegmentOptions {
  std::uint32_t mode = 0600; // of the file, whatever the umask
  os::MappingOptions mapping = {};

  friend bool operator==(const SegmentOptions&, const SegmentOptions&) = default;
};

// Whose a named segment may be when it is attached.
struct Trust {
  std::optional<std::uint32_t> owner_uid = std::nullopt; // none: this process' own
  std::uint32_t mode_max = 0600;                         // permission bits that it may have at most
};

// `label` appears in /proc/PID/maps and in error texts. Throws Error (no_memory, no_descriptors). The result may be
// passed to the one process that is to write it, and to nobody else before `seal_segment`.
[[nodiscard]] os::Descriptor create_anonymous_segment(std::string_view label, const SegmentSpec& spec,
                                                      bool huge_pages = false);

// After the writer has acknowledged its mapping, before any reader gets the descriptor.
void seal_segment(const os::Descriptor& descriptor, std::string_view label);

// The checks of an attach on a file segment, without mapping it: for readers that use read(2) because somebody might
// cut the file under them. Throws Error(bad_segment) as an attach does.
[[nodiscard]] SegmentHeader check_file_segment(const os::Descriptor& descriptor, const Expectation& expected,
                                               std::string_view label);

class Segment {
public:
  Segment() noexcept = default;

  // Throws Error: bad_segment; wrong_state when it is sealed already (a new incarnation needs a new segment); for
  // `options`, here and below, what os::place_memory throws.
  [[nodiscard]] static Segment attach_writer(os::Descriptor descriptor, const Expectation& expected,
                                             std::string_view label, const os::MappingOptions& options = {});
  // Throws Error(bad_segment) also when it is not sealed or not allocated in full. `many_writers`: it is sealed in its
  // size only.
  [[nodiscard]] static Segment attach_reader(os::Descriptor descriptor, const Expectation& expected,
                                             std::string_view label, bool many_writers = false,
                                             const os::MappingOptions& options = {});

  // Mode 0600; the path must not exist (already_exists). The caller becomes the writer.
  [[nodiscard]] static Segment create_file(const std::string& path, const SegmentSpec& spec);
  // Opens without following links; type, owner, mode, header and size are checked, each refusal names what it found.
  // Throws Error: not_found, no_permission (owner, mode), bad_segment.
  [[nodiscard]] static Segment attach_named(const std::string& path, const Expectation& expected, os::Access access,
                                            const Trust& trust = {}, const os::MappingOptions& options = {});
  // For the one process a file segment was made for, which got the descriptor from its creator.
  [[nodiscard]] static Segment attach_file_writer(os::Descriptor descriptor, const Expectation& expected,
                                                  std::string_view label);
  // Owner and type are checked; a segment of an earlier boot is refused. Its owner may be dead.
  [[nodiscard]] static Segment attach_file_reader(const std::string& path, const Expectation& expected);

  // One mapping for all threads of this process, writable. Zeroed.
  [[nodiscard]] static Segment heap(const SegmentSpec& spec);

  [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(mapping_); }
  [[nodiscard]] bool is_writable() const noexcept { return mapping_.access() == os::Access::read_write; }

  // A copy taken and validated when the segment was attached.
  [[nodiscard]] const SegmentHeader& header() const noexcept { return header_; }

  // Valid as long as this object, at the same address when it is moved. What lies in the body of another process'
  // segment may change at any time: copy, validate, use the copy.
  [[nodiscard]] std::span<const std::byte> body() const noexcept;
  // Only for the writer: an assertion otherwise.
  [[nodiscard]] std::span<std::byte> writable_body() noexcept;

  // Makes whole pages of the body inaccessible in this process. Multiples of the page.
  void guard(std::size_t body_offset, std::size_t length_bytes);

  [[nodiscard]] const os::Descriptor& descriptor() const noexcept { return descriptor_; }
  // The mapping stays.
  void close_descriptor() noexcept { descriptor_.reset(); }

private:
  friend class HiddenSegment;
  Segment(os::Descriptor descriptor, os::Mapping mapping, const SegmentHeader& header) noexcept;

  os::Descriptor descriptor_;
  os::Mapping mapping_;
  SegmentHeader header_{};
};

// A named segment while it is built: nobody finds it until it appears. Dropped before that, it leaves nothing.
class HiddenSegment {
public:
  // Allocated in full, zeroed, mapped for writing, header written. Throws Error: no_memory (no space), no_permission,
  // already_exists never; what place_memory() throws.
  HiddenSegment(const std::string& path, const SegmentSpec& spec, const SegmentOptions& options = {});
  ~HiddenSegment();

  [[nodiscard]] std::span<std::byte> body() noexcept { return segment_.writable_body(); }

  // Throws Error(already_exists) when something lies under the path. Call it once.
  [[nodiscard]] Segment appear();

private:
  std::unique_ptr<detail::HiddenFile> file_;
  Segment segment_;
};

} // namespace ringfleet::memory
