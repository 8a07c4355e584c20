#include "ringfleet/channel/counter_files.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/counter/counter_layout.hpp"
#include "ringfleet/counter/counter_snapshot.hpp"
#include "ringfleet/counter/counter_writer.hpp"
#include "ringfleet/memory/boot_id.hpp"
#include "ringfleet/memory/segment.hpp"
#include "ringfleet/os/directory.hpp"
#include "ringfleet/os/file.hpp"
#include "ringfleet/os/process.hpp"
#include "ringfleet/os/runtime_directory.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include <sys/stat.h>
#include <unistd.h>

namespace ringfleet::channel {
namespace {

using counter::OwnerState;
using ring::FoundState;

std::string directory() {
  return counter::counter_directory(os::fleet_directory_path(os::channels_directory));
}

// No process of this PID namespace has it, for sure.
bool is_free(std::int32_t pid) noexcept {
  try {
    return pid > 0 && !os::identity_of(pid);
  } catch (const Error&) {
    return false;
  }
}

// Of a file under construction, "NAME+PID-COUNT.new", made in this PID namespace; 0: of nobody that can be told.
std::int32_t maker_of(std::string_view name) {
  const auto plus = name.rfind('+');
  const auto own = fmt::format("-{}-", os::own_pid_namespace());
  std::int32_t pid = 0;
  if (plus != name.npos && name.substr(0, plus).find(own) != name.npos) {
    std::from_chars(name.data() + plus + 1, name.data() + name.size(), pid);
  }
  return pid;
}

void judge_unfinished(FoundCounterFile& file, std::string_view name) {
  file.pid = maker_of(name);
  file.state = file.pid == 0 ? FoundState::unknown : is_free(file.pid) ? FoundState::unfinished : FoundState::alive;
  if (file.state == FoundState::unknown) {
    file.problem = "a process of another PID namespace is making it, or was";
  }
}

bool is_of_another_boot(const std::string& path) {
  const memory::Expectation any = {.kind = memory::SegmentKind::counters,
                                   .body_bytes_min = counter::body_bytes_for(1),
                                   .fingerprint = counter::fingerprint,
                                   .any_boot = true};
  try {
    const auto header = memory::check_file_segment(os::open_regular_file(path, "counter file"), any, path);
    return !std::equal(memory::own_boot_id().begin(), memory::own_boot_id().end(), header.boot_id);
  } catch (const Error&) {
    return false;
  }
}

void judge(FoundCounterFile& file) {
  try {
    const auto snapshot = counter::CounterSnapshot::read(file.path);
    file.role = snapshot.role;
    file.channel = snapshot.name;
    // Who died before it said who it is has its pid in the serial.
    file.pid = snapshot.owner.pid != 0 ? snapshot.owner.pid : static_cast<std::int32_t>(snapshot.serial);
    switch (snapshot.state) {
    case OwnerState::starting: file.state = is_free(file.pid) ? FoundState::dead : FoundState::alive; break;
    case OwnerState::alive:
    case OwnerState::stopped: file.state = FoundState::alive; break;
    case OwnerState::dead: file.state = FoundState::dead; break;
    case OwnerState::unknown:
      file.state = FoundState::unknown;
      file.problem = fmt::format("its process belongs to PID namespace {}", snapshot.pid_namespace);
      break;
    }
  } catch (const Error& error) {
    const bool is_of_the_dead = error.code() == ErrorCode::bad_segment && is_of_another_boot(file.path);
    file.state = is_of_the_dead                           ? FoundState::dead
                 : error.code() == ErrorCode::bad_segment ? FoundState::damaged
                                                          : FoundState::unknown;
    file.problem = is_of_the_dead ? "of an earlier boot" : error.what();
  }
}

// Empty when it is gone.
std::optional<FoundCounterFile> look_at(const std::string& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) {
    return std::nullopt;
  }
  FoundCounterFile file;
  file.path = path;
  file.size_bytes = static_cast<std::uint64_t>(status.st_size);
  const auto name = std::string_view(path).substr(path.rfind('/') + 1);
  if (name.ends_with(".new")) {
    judge_unfinished(file, name);
  } else {
    judge(file);
  }
  return file;
}

} // namespace

std::vector<FoundCounterFile> list_end_counter_files() {
  std::vector<FoundCounterFile> files;
  std::vector<std::string> names;
  const auto where = directory();
  try {
    names = os::list_directory(where);
  } catch (const Error&) {
    return files; // no channel was ever opened, or nothing that this user may read
  }
  for (const auto& name : names) {
    if (auto file = look_at(fmt::format("{}/{}", where, name))) {
      files.push_back(std::move(*file));
    }
  }
  return files;
}

void remove_end_counter_file(const std::string& path) {
  const auto what = fmt::format("remove counter file '{}'", path);
  const auto file = look_at(path);
  if (!file) {
    throw Error(ErrorCode::not_found, what);
  }
  if (file->state == FoundState::alive) {
    throw Error(ErrorCode::wrong_state, fmt::format("{}: process {} counts in it", what, file->pid), "end it first");
  }
  if (file->state == FoundState::unknown) {
    throw Error(ErrorCode::wrong_state, fmt::format("{}: {}", what, file->problem),
                "remove it where its process can be seen, or with rm when you know that it is gone");
  }
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    throw Error::from_errno(what, errno);
  }
}

std::string end_counter_file_name(std::string_view role, std::uint32_t number) {
  return fmt::format("{}-{}-{}.{}", role, os::own_pid_namespace(), ::getpid(), number);
}

} // namespace ringfleet::channel
