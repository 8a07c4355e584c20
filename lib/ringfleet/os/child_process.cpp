#include "ringfleet/os/child_process.hpp"

#include "ringfleet/base/assert.hpp"
#include "ringfleet/base/error.hpp"
#include "ringfleet/os/detail/retry.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ringfleet::os {
namespace {

void check(int result, const SpawnRequest& request) {
  if (result != 0) {
    throw Error::from_errno(fmt::format("start '{}'", request.path), result,
                            result == EMFILE || result == ENFILE ? "raise the limit on open files (ulimit -n)"
                            : result == EAGAIN                   ? "raise the limit on processes (ulimit -u)"
                            : result == ENOENT ? "check the path, and its interpreter if it is a script"
                                               : "");
  }
}

class FileActions {
public:
  FileActions() { ::posix_spawn_file_actions_init(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  ~FileActions() { ::posix_spawn_file_actions_destroy(&actions_); }
  posix_spawn_file_actions_t* get() noexcept { return &actions_; }

private:
  posix_spawn_file_actions_t actions_{};
};

class Attributes {
public:
  explicit Attributes(bool own_process_group) {
    ::posix_spawnattr_init(&attributes_);
    sigset_t none;
    sigset_t all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setpgroup(&attributes_, 0);
    ::posix_spawnattr_setflags(&attributes_, static_cast<short>(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                                (own_process_group ? POSIX_SPAWN_SETPGROUP : 0)));
  }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  ~Attributes() { ::posix_spawnattr_destroy(&attributes_); }
  const posix_spawnattr_t* get() const noexcept { return &attributes_; }

private:
  posix_spawnattr_t attributes_{};
};

// Sources are first copied above all targets: a dup2 onto a number that is still needed as a source would lose it, and
// one onto itself would leave it close-on-exec.
std::vector<Descriptor> arrange(const SpawnRequest& request, FileActions& actions) {
  int target_max = 2;
  for (const auto& passed : request.descriptors) {
    RINGFLEET_ASSERT(passed.source >= 0 && passed.target >= 0, "a passed descriptor has a source and a target");
    target_max = std::max(target_max, passed.target);
  }
  std::vector<Descriptor> copies;
  copies.reserve(request.descriptors.size());
  std::vector<bool> is_target(static_cast<std::size_t>(target_max) + 1);
  for (const auto& passed : request.descriptors) {
    copies.emplace_back(::fcntl(passed.source, F_DUPFD_CLOEXEC, target_max + 1));
    check(copies.back() ? 0 : errno, request);
    check(::posix_spawn_file_actions_adddup2(actions.get(), copies.back().get(), passed.target), request);
    is_target[static_cast<std::size_t>(passed.target)] = true;
  }
  for (int fd = 3; fd <= target_max; ++fd) {
    if (!is_target[static_cast<std::size_t>(fd)]) {
      check(::posix_spawn_file_actions_addclose(actions.get(), fd), request);
    }
  }
  check(::posix_spawn_file_actions_addclosefrom_np(actions.get(), target_max + 1), request);
  return copies;
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> result;
  result.reserve(strings.size() + 1);
  for (const auto& string : strings) {
    result.push_back(const_cast<char*>(string.c_str()));
  }
  result.push_back(nullptr);
  return result;
}

} // namespace

std::string ExitStatus::to_string() const {
  if (!signalled) {
    return fmt::format("exited with {}", code);
  }
  const char* const name = ::sigabbrev_np(code);
  return name != nullptr ? fmt::format("killed by SIG{} ({})", name, code) : fmt::format("killed by signal {}", code);
}

ChildProcess::ChildProcess(const SpawnRequest& request) {
  FileActions actions;
  const auto copies = arrange(request, actions);
  const Attributes attributes(request.own_process_group);
  const auto argv = pointers(request.argv);
  const auto env = pointers(request.env);
  pid_t pid = -1;
  check(::posix_spawn(&pid, request.path.c_str(), actions.get(), attributes.get(), argv.data(), env.data()), request);
  // The pid stays ours until it is reaped, however early the child dies.
  try {
    pidfd_ = open_pidfd(pid);
    identity_ = identity_of(pid).value_or(ProcessIdentity{pid, 0});
  } catch (...) {
    ::kill(pid, SIGKILL);
    detail::retry([&] { return ::waitpid(pid, nullptr, 0); });
    pidfd_.reset();
    throw;
  }
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept {
  swap(other);
}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  ChildProcess taken(std::move(other));
  swap(taken);
  return *this;
}

ChildProcess::~ChildProcess() {
  if (!pidfd_ || status_) {
    return;
  }
  try {
    send_signal(pidfd_, SIGKILL);
    reap();
  } catch (const Error&) {
    // Somebody else reaped it: it is gone, which is all a destructor wants.
  }
}

void ChildProcess::swap(ChildProcess& other) noexcept {
  std::swap(pidfd_, other.pidfd_);
  std::swap(identity_, other.identity_);
  std::swap(status_, other.status_);
  std::swap(stopped_, other.stopped_);
}

bool ChildProcess::signal(int signal_number) {
  RINGFLEET_ASSERT(pidfd_, "a signal needs a child");
  return !status_ && send_signal(pidfd_, signal_number);
}

std::optional<ExitStatus> ChildProcess::wait_for(int options) {
  RINGFLEET_ASSERT(pidfd_, "there is a child to wait for");
  if (status_) {
    return status_;
  }
  siginfo_t info{};
  const int result =
      detail::retry([&] { return ::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED | options); });
  if (result != 0) {
    throw Error::from_errno(fmt::format("wait for child {}", identity_.pid), errno,
                            errno == ECHILD ? "do not ignore SIGCHLD and do not wait for any child elsewhere" : "");
  }
  if (info.si_pid == 0) {
    return std::nullopt;
  }
  status_ = ExitStatus{.signalled = info.si_code != CLD_EXITED, .code = info.si_status};
  return status_;
}

std::optional<ExitStatus> ChildProcess::try_reap() {
  return wait_for(WNOHANG);
}

bool ChildProcess::is_stopped() {
  for (;;) {
    siginfo_t info{};
    const int result = detail::retry(
        [&] { return ::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WSTOPPED | WCONTINUED | WNOHANG); });
    if (result != 0 || info.si_pid == 0) {
      return stopped_;
    }
    stopped_ = info.si_code == CLD_STOPPED;
  }
}

ExitStatus ChildProcess::reap() {
  const auto status = wait_for(0);
  RINGFLEET_ASSERT(status.has_value(), "a blocking wait ends with a status");
  return *status;
}

} // namespace ringfleet::os
