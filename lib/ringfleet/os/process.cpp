#include "ringfleet/os/process.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/os/detail/retry.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <string_view>

#include <fmt/format.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ringfleet::os {
namespace {

struct ProcStat {
  char state = '?';
  std::uint64_t start_time_ticks = 0;
};

// "pid (name) state ppid …", start time is field 22. The name may contain anything, so fields count from the last ')'.
std::optional<ProcStat> parse_stat(std::string_view text) {
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string_view::npos || name_end + 2 >= text.size()) {
    return std::nullopt;
  }
  std::string_view rest = text.substr(name_end + 2);
  ProcStat stat;
  stat.state = rest.front();
  for (int field = 3; field < 22; ++field) {
    const std::size_t space = rest.find(' ');
    if (space == std::string_view::npos) {
      return std::nullopt;
    }
    rest.remove_prefix(space + 1);
  }
  const auto parsed = std::from_chars(rest.data(), rest.data() + rest.size(), stat.start_time_ticks);
  return parsed.ec == std::errc() ? std::optional(stat) : std::nullopt;
}

// Also of a process that may not be signalled.
bool is_any_process(std::int32_t pid) noexcept {
  return pid > 0 && (::kill(pid, 0) == 0 || errno != ESRCH);
}

std::optional<ProcStat> read_stat(std::int32_t pid) {
  const std::string path = fmt::format("/proc/{}/stat", pid);
  const auto open_it = [&] {
    return Descriptor(detail::retry([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); }));
  };
  Descriptor file = open_it();
  if (!file && (errno == ENOENT || errno == ESRCH)) {
    if (!is_any_process(pid)) {
      return std::nullopt;
    }
    // It began just now, or /proc does not show it to us. What is hidden is not dead.
    file = open_it();
    if (!file && (errno == ENOENT || errno == ESRCH)) {
      throw Error(ErrorCode::no_permission,
                  fmt::format("read the start time of process {}: /proc does not show it to this user", pid),
                  "mount /proc without hidepid, or run both processes as one user");
    }
  }
  if (!file) {
    throw Error::from_errno(fmt::format("open '{}'", path), errno,
                            errno == EMFILE ? "raise the limit on open files (ulimit -n)" : "is /proc mounted?");
  }
  std::array<char, 1024> text{};
  const ssize_t length = detail::retry([&] { return ::read(file.get(), text.data(), text.size()); });
  if (length < 0 && errno != ESRCH) { // whatever it is, it is no proof of death
    throw Error::from_errno(fmt::format("read '{}'", path), errno, "try again when the machine has what is missing");
  }
  if (length <= 0) { // it ended between open and read
    return std::nullopt;
  }
  return parse_stat({text.data(), static_cast<std::size_t>(length)});
}

bool is_dead_state(char state) noexcept {
  return state == 'Z' || state == 'X';
}

} // namespace

std::optional<ProcessIdentity> identity_of(std::int32_t pid) {
  const auto stat = read_stat(pid);
  return stat ? std::optional(ProcessIdentity{pid, stat->start_time_ticks}) : std::nullopt;
}

ProcessIdentity own_identity() {
  const auto identity = identity_of(static_cast<std::int32_t>(::getpid()));
  if (!identity) {
    throw Error(ErrorCode::system, "read the start time of this process", "is /proc mounted for this PID namespace?");
  }
  return *identity;
}

std::uint64_t own_pid_namespace() {
  struct stat status{};
  if (::stat("/proc/self/ns/pid", &status) != 0) {
    throw Error::from_errno("look up the PID namespace of this process", errno, "is /proc mounted?");
  }
  return status.st_ino;
}

Liveness liveness_of(const ProcessIdentity& identity) {
  const auto stat = read_stat(identity.pid);
  if (!stat || stat->start_time_ticks != identity.start_time_ticks) {
    return Liveness::absent;
  }
  return is_dead_state(stat->state) ? Liveness::dead : Liveness::alive;
}

bool is_stopped(std::int32_t pid) {
  const auto stat = read_stat(pid);
  return stat && (stat->state == 'T' || stat->state == 't');
}

Descriptor open_pidfd(std::int32_t pid) {
  Descriptor pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U))); // always close-on-exec
  if (!pidfd) {
    throw Error::from_errno(fmt::format("open a pidfd of process {}", pid), errno,
                            errno == EMFILE ? "raise the limit on open files (ulimit -n)" : "");
  }
  return pidfd;
}

bool is_dead(const Descriptor& pidfd) {
  pollfd entry{pidfd.get(), POLLIN, 0};
  const int ready = detail::retry([&] { return ::poll(&entry, 1, 0); });
  if (ready < 0) {
    throw Error::from_errno("look whether a process is dead", errno);
  }
  return ready > 0;
}

bool send_signal(const Descriptor& pidfd, int signal_number) {
  if (::syscall(SYS_pidfd_send_signal, pidfd.get(), signal_number, nullptr, 0U) == 0) {
    return true;
  }
  if (errno == ESRCH) {
    return false;
  }
  throw Error::from_errno(fmt::format("send signal {} to a process", signal_number), errno);
}

bool set_parent_death_signal(int signal_number, std::int32_t expected_parent_pid) {
  if (::prctl(PR_SET_PDEATHSIG, signal_number) != 0) {
    throw Error::from_errno("ask for a signal at the parent's death", errno);
  }
  // The parent may have died before the request took effect; then this process has a new parent already.
  return ::getppid() == expected_parent_pid;
}

} // namespace ringfleet::os
