#pragma once

// Runs a function in a forked child and says how that ended. Faults end the child by their signal, under sanitizers
// too. The child must not use doctest; it answers by its exit code.

#include "ringfleet/base/clock.hpp"
#include "ringfleet/base/error.hpp"
#include "ringfleet/base/poison.hpp"
#include "ringfleet/os/child_process.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <exception>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <string>

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ringfleet::test {

inline os::ExitStatus wait_for_child(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) == -1 && errno == EINTR) {
  }
  if (WIFSIGNALED(status)) {
    return {.signalled = true, .code = WTERMSIG(status)};
  }
  return {.signalled = false, .code = WEXITSTATUS(status)};
}

// As /proc says of a process or a thread: 'S' while it sleeps in the kernel. 0 where it is gone.
inline char state_of(const std::string& task) {
  std::ifstream stat(task + "/stat");
  std::string line;
  std::getline(stat, line);
  const auto name_end = line.rfind(')');
  return name_end == std::string::npos || line.size() < name_end + 3 ? '\0' : line[name_end + 2];
}

// AddressSanitizer's allocator does not come through a fork in the middle of another thread's allocation: the child
// would wait for that thread, which it does not have. So the others, which have events to wait for, sleep first. One
// that never does is not waited for.
inline void await_sleep_of_other_threads() {
  constexpr int looks_max = 1'000;
  const auto own = std::to_string(::gettid());
  const auto is_asleep = [&](const std::filesystem::directory_entry& task) {
    return task.path().filename() == own || state_of(task.path()) == 'S';
  };
  for (int look = 0; look < looks_max; ++look) {
    const std::filesystem::directory_iterator tasks("/proc/self/task");
    if (std::all_of(begin(tasks), end(tasks), is_asleep)) {
      return;
    }
    ::sched_yield();
  }
}

// The function returns the exit code; an exception that leaves it is exit code 99.
template <typename Function>
pid_t fork_child(Function function) {
  if constexpr (can_poison) {
    await_sleep_of_other_threads();
  }
  const pid_t pid = ::fork();
  if (pid != 0) {
    return pid;
  }
  for (const int fault : {SIGSEGV, SIGBUS, SIGABRT, SIGXFSZ}) {
    ::signal(fault, SIG_DFL);
  }
  try {
    ::_exit(function());
  } catch (...) {
    ::_exit(99);
  }
}

template <typename Function>
os::ExitStatus in_forked_child(Function function) {
  return wait_for_child(fork_child(function));
}

// Until the process sleeps in the kernel: of a child that has nothing else to sleep for, until it waits for what it is
// to wait for. False when it ends instead, or after a minute.
inline bool is_asleep_soon(pid_t pid) {
  const auto deadline = monotonic_now() + 60'000'000'000;
  while (monotonic_now() < deadline) {
    const char state = state_of("/proc/" + std::to_string(pid));
    if (state == '\0' || state == 'Z') {
      return false;
    }
    if (state == 'S') {
      return true;
    }
    ::sched_yield();
  }
  return false;
}

// The code of the Error that the function throws; Error text in `text` if wanted.
template <typename Function>
ErrorCode error_of(Function function, std::string* text = nullptr) {
  try {
    function();
  } catch (const Error& error) {
    if (text != nullptr) {
      *text = error.what();
    }
    return error.code();
  }
  return ErrorCode{};
}

} // namespace ringfleet::test
