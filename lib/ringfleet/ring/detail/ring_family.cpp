#include "ringfleet/ring/detail/ring_family.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/os/directory.hpp"
#include "ringfleet/os/file.hpp"
#include "ringfleet/ring/detail/space_parts.hpp"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <string>

#include <fmt/format.h>

#include <fcntl.h>
#include <unistd.h>

namespace ringfleet::ring::detail {
namespace {

void remove(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    throw Error::from_errno(fmt::format("remove '{}'", path), errno);
  }
}

memory::SegmentKind kind_of(std::string_view part) {
  return part == members_part ? memory::SegmentKind::members
         : part == arena_part ? memory::SegmentKind::arena
                              : memory::SegmentKind::ring;
}

// Throws when it cannot be looked at. Empty: it is shorter than what says so, or no segment of ours.
std::optional<memory::SegmentKind> read_kind(const std::string& path) {
  struct {
    std::uint64_t magic = 0;
    std::uint32_t layout_version = 0;
    std::uint32_t kind = 0;
  } beginning;
  static_assert(sizeof(beginning) == offsetof(memory::SegmentHeader, body_bytes));
  const auto file = os::try_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!file) {
    throw Error::from_errno(fmt::format("open '{}'", path), errno);
  }
  try {
    os::read_at(file.get(), std::as_writable_bytes(std::span(&beginning, 1)), 0, path);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::invalid_argument) {
      throw;
    }
    return std::nullopt;
  }
  return beginning.magic == memory::segment_magic ? std::optional(memory::SegmentKind{beginning.kind}) : std::nullopt;
}

bool is_part_of(std::optional<memory::SegmentKind> kind, memory::Backing backing, std::string_view part) {
  return kind ? *kind == kind_of(part) : backing == memory::Backing::shm;
}

void refuse_foreign_parts(const memory::Place& place) {
  for (const std::string_view part : {members_part, arena_part}) {
    const auto path = place.path(part);
    if (!os::is_there(path)) {
      continue;
    }
    const auto kind = read_kind(path);
    if (!is_part_of(kind, place.backing(), part)) {
      throw Error(ErrorCode::wrong_state,
                  fmt::format("remove {}: '{}' is {}, expected a segment of kind {}", place.text(), path,
                              kind ? fmt::format("a segment of kind {}", memory::to_string(*kind))
                                   : std::string("not a segment of ringfleet"),
                              memory::to_string(kind_of(part))),
                  "take another name, or remove it yourself if nobody needs it");
    }
  }
}

} // namespace

std::optional<memory::SegmentKind> stated_kind(const std::string& path) {
  try {
    return read_kind(path);
  } catch (const Error&) {
    return std::nullopt;
  }
}

bool is_part(memory::Backing backing, std::string_view part, const std::string& path) {
  return is_part_of(stated_kind(path), backing, part);
}

void remove_unfinished(const memory::Place& place) {
  const auto directory = place.directory();
  // A place has a valid name, so its own file has one.
  const auto own = memory::parse_file_name(place.backing(), std::filesystem::path(place.path()).filename().string());
  for (const auto& name : os::list_directory(directory)) {
    const auto file = memory::parse_file_name(place.backing(), name);
    if (file && file->unfinished && file->name == own.value().name) {
      remove(fmt::format("{}/{}", directory, name));
    }
  }
}

void retire(const memory::Place& place) {
  refuse_foreign_parts(place);
  const auto path = place.path();
  const auto file = os::open_regular_file(path, "ring");
  memory::SegmentHeader header{};
  try {
    os::read_at(file.get(), std::as_writable_bytes(std::span(&header, 1)), 0, path);
  } catch (const Error&) {
    header.magic = 0; // shorter than a header
  }
  if (header.magic != memory::segment_magic && place.backing() == memory::Backing::shm) {
    return; // the name itself is ours, so this is damage, and nobody can have attached to it
  }
  if (header.magic != memory::segment_magic) {
    throw Error(ErrorCode::wrong_state,
                fmt::format("remove {}: '{}' is not a segment of ringfleet", place.text(), path),
                "remove it yourself if nobody needs it");
  }
  const auto kind = static_cast<memory::SegmentKind>(header.kind);
  if (kind != memory::SegmentKind::ring && place.backing() == memory::Backing::file) {
    throw Error(ErrorCode::wrong_state,
                fmt::format("remove {}: '{}' is a segment of kind {}, expected {}", place.text(), path,
                            memory::to_string(kind), memory::to_string(memory::SegmentKind::ring)),
                "take another name, or remove it yourself if nobody needs it");
  }
  try {
    const auto segment =
        memory::Segment::attach_named(path,
                                      {.kind = memory::SegmentKind::ring,
                                       .body_bytes_min = sizeof(RingHead),
                                       .fingerprint = header.fingerprint,
                                       .any_boot = true},
                                      os::Access::read_write, {.owner_uid = std::nullopt, .mode_max = 0777});
    auto& line = reinterpret_cast<RingHead*>(const_cast<std::byte*>(segment.body().data()))->owner;
    end_ownership(line, OwnerState::replaced);
    wake_owner_word(line);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::bad_segment && error.code() != ErrorCode::version_mismatch) {
      throw;
    }
  }
}

void remove_family(const memory::Place& place) {
  refuse_foreign_parts(place);
  for (const std::string_view part : {std::string_view{}, members_part, arena_part}) {
    remove(place.path(part));
  }
}

} // namespace ringfleet::ring::detail
