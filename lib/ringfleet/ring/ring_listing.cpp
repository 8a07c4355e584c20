#include "ringfleet/ring/ring_listing.hpp"

#include "ringfleet/base/bits.hpp"
#include "ringfleet/base/error.hpp"
#include "ringfleet/base/limits.hpp"
#include "ringfleet/os/directory.hpp"
#include "ringfleet/os/file.hpp"
#include "ringfleet/os/file_lock.hpp"
#include "ringfleet/ring/detail/pid_scope.hpp"
#include "ringfleet/ring/detail/ring_family.hpp"
#include "ringfleet/ring/detail/space_parts.hpp"
#include "ringfleet/ring/member_protocol.hpp"
#include "ringfleet/ring/process_judge.hpp"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <map>
#include <utility>

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ringfleet::ring {
namespace {

using memory::Backing;
using memory::Place;

struct alignas(page_bytes) Page {
  std::byte bytes[page_bytes];
};

constexpr std::uint64_t member_table_bytes_max =
    sizeof(TableHead) + limits::ring_members_max * (sizeof(MemberLine) + sizeof(ReaderLines));

os::Descriptor open_for_looking(const std::string& path) {
  auto file = os::try_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!file) {
    throw Error::from_errno(fmt::format("open '{}'", path), errno);
  }
  return file;
}

// What nobody has finished has a name that only we give, and goes with its dead maker whatever it was to become.
bool is_ours(Backing backing, const memory::FileName& name, const std::string& path) {
  return name.unfinished || detail::is_part(backing, name.part, path);
}
// Somebody else's segment has the name of the ring; then what else has that name is not ours to remove either.
bool is_foreign(const Place& place) {
  const auto kind = detail::stated_kind(place.path());
  return kind && *kind != memory::SegmentKind::ring;
}

// The body of the member table as it is at this moment, copied.
std::vector<Page> copy_of_members(const Place& place) {
  const auto path = place.path(detail::members_part);
  const auto file = open_for_looking(path);
  struct stat status{};
  if (::fstat(file.get(), &status) != 0 || status.st_size <= static_cast<off_t>(memory::segment_body_offset)) {
    throw Error(ErrorCode::bad_segment, fmt::format("'{}' is too short", path));
  }
  const auto bytes = std::min<std::uint64_t>(static_cast<std::uint64_t>(status.st_size) - memory::segment_body_offset,
                                             round_up<std::uint64_t>(member_table_bytes_max, page_bytes));
  std::vector<Page> pages((bytes + page_bytes - 1) / page_bytes);
  os::read_at(file.get(), std::as_writable_bytes(std::span(pages)).first(static_cast<std::size_t>(bytes)),
              memory::segment_body_offset, path);
  return pages;
}

void count_members(FoundRing& found, const RingShape& shape) {
  auto pages = copy_of_members(found.place);
  const auto members = detail::carve_members(std::as_writable_bytes(std::span(pages)), shape);
  const auto scope = detail::scope_of(members.head->scope);
  const auto own = detail::own_scope();
  const MemberProtocol<> protocol(members.lines, members.readers, {});
  found.lines = shape.members;
  for (std::size_t line = 0; line < members.lines.size(); ++line) {
    const auto word = protocol.look(line);
    if (!word.has_actor()) {
      continue;
    }
    ++found.members;
    const bool is_of_this_boot = scope.boot_id == own.boot_id;
    const bool can_be_judged = scope.pid_namespace == own.pid_namespace;
    found.members_alive += is_of_this_boot && (!can_be_judged || !is_surely_dead(word.actor)) ? 1 : 0;
  }
}

// The ring segment, without mapping it. Throws Error(bad_segment, version_mismatch) when it cannot be continued.
void look_at_ring(FoundRing& found) {
  const auto path = found.place.path();
  const auto file = open_for_looking(path);
  memory::SegmentHeader header{};
  os::read_at(file.get(), std::as_writable_bytes(std::span(&header, 1)), 0, path);
  RingHead head{};
  os::read_at(file.get(), std::as_writable_bytes(std::span(&head, 1)), memory::segment_body_offset, path);
  found.generation = head.owner.word >> owner_state_bits;
  found.owner_pid = head.owner.pid;
  (void)memory::check_file_segment(file,
                                   {.kind = memory::SegmentKind::ring,
                                    .body_bytes_min = sizeof(RingHead),
                                    .fingerprint = header.fingerprint,
                                    .any_boot = true},
                                   path);
  (void)detail::check_shape(head.shape, found.place.text());
  if (found.state != FoundState::alive) {
    found.state = state_of_word(head.owner.word) == OwnerState::owned ? FoundState::dead : FoundState::ended;
  }
  count_members(found, head.shape);
}

// It could not be looked at; nothing is wrong with it, as far as we know.
bool says_nothing_about_the_ring(ErrorCode code) noexcept {
  return code == ErrorCode::no_permission || code == ErrorCode::no_memory || code == ErrorCode::no_descriptors ||
         code == ErrorCode::system;
}

FoundRing look_at(const Place& place, std::vector<std::string> files) {
  FoundRing found;
  found.place = place;
  found.files = std::move(files);
  std::sort(found.files.begin(), found.files.end());
  for (const auto& file : found.files) {
    std::error_code error;
    const auto bytes = std::filesystem::file_size(file, error);
    found.size_bytes += error ? 0 : bytes;
  }
  try {
    const auto lock = place.path(detail::lock_part);
    const bool is_held = os::FileLock::state_hint(lock) == os::FileLock::State::held;
    found.state = is_held ? FoundState::alive : FoundState::damaged;
    if (!os::is_there(place.path())) {
      found.state = is_held ? FoundState::alive : FoundState::unfinished;
      return found;
    }
    look_at_ring(found);
  } catch (const Error& error) {
    found.problem = error.what();
    if (says_nothing_about_the_ring(error.code())) {
      found.state = FoundState::unknown;
    }
  }
  return found;
}

std::vector<FoundRing> list_in(Backing backing, const std::string& directory, std::string_view prefix = {}) {
  std::map<std::string, std::vector<std::string>> families;
  for (const auto& entry : os::list_directory(directory)) {
    const auto path = fmt::format("{}/{}", directory, entry);
    const auto name = memory::parse_file_name(backing, entry);
    std::error_code ignored; // an entry that vanished meanwhile is simply not listed
    const bool is_file = std::filesystem::symlink_status(path, ignored).type() == std::filesystem::file_type::regular;
    if (name && name->name.starts_with(prefix) && is_file && name->part != detail::lock_part &&
        is_ours(backing, *name, path)) {
      families[name->name].push_back(path);
    }
  }
  std::vector<FoundRing> rings;
  for (auto& [name, files] : families) {
    const auto place = backing == Backing::shm ? Place::shm(name) : Place::file(directory + "/" + name);
    if (!is_foreign(place)) {
      rings.push_back(look_at(place, std::move(files)));
    }
  }
  return rings;
}

} // namespace

std::string_view to_string(FoundState state) noexcept {
  switch (state) {
  case FoundState::alive: return "alive";
  case FoundState::ended: return "ended";
  case FoundState::dead: return "dead";
  case FoundState::damaged: return "damaged";
  case FoundState::unfinished: return "unfinished";
  case FoundState::unknown: return "unknown";
  }
  return "unknown";
}

std::vector<FoundRing> list_shm_rings(std::string_view prefix) {
  return list_in(Backing::shm, std::string(memory::shm_directory), prefix);
}

std::vector<FoundRing> list_file_rings(const std::string& directory, std::string_view prefix) {
  return list_in(Backing::file, directory, prefix);
}

std::optional<FoundRing> find_ring(const Place& place) {
  auto rings = list_in(place.backing(), place.directory());
  const auto wanted = std::filesystem::path(place.path()).filename();
  const auto found = std::find_if(rings.begin(), rings.end(), [&](const FoundRing& ring) {
    return std::filesystem::path(ring.place.path()).filename() == wanted;
  });
  return found != rings.end() ? std::optional(std::move(*found)) : std::nullopt;
}

void remove_ring(const Place& place) {
  const auto what = fmt::format("remove {}", place.text());
  const auto require_found = [&](const std::optional<FoundRing>& found) {
    if (!found) {
      throw Error(ErrorCode::not_found, what + ": there is no such ring",
                  "'ringfleet segments ls' shows what there is");
    }
  };
  require_found(find_ring(place));
  const auto lock = os::FileLock::try_acquire(place.path(detail::lock_part));
  if (!lock) {
    throw Error(ErrorCode::wrong_state,
                fmt::format("{}: process {} owns it", what, os::FileLock::note_hint(place.path(detail::lock_part))),
                "end it first");
  }
  const auto found = find_ring(place); // nobody changes it any more
  require_found(found);
  if (found->state == FoundState::unknown) {
    throw Error(ErrorCode::wrong_state,
                fmt::format("{}: whether living members use it is not known: {}", what, found->problem),
                "try again when it can be looked at");
  }
  if (found->members_alive != 0) {
    throw Error(ErrorCode::wrong_state,
                fmt::format("{}: {} living members wait for its producer", what, found->members_alive),
                "end them first");
  }
  detail::remove_unfinished(place);
  if (os::is_there(place.path())) {
    detail::retire(place);
  }
  detail::remove_family(place);
}

} // namespace ringfleet::ring
