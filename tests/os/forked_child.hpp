#pragma once

// Runs a function in a forked child and says how that ended. Faults end the child by their signal, under sanitizers
// too. The child must not use doctest; it answers by its exit code.

#include "ringfleet/base/clock.hpp"
#include "ringfleet/base/error.hpp"
#include "ringfleet/os/child_process.hpp"

#include <cerrno>
#include <csignal>
#include <exception>
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

// The function returns the exit code; an exception that leaves it is exit code 99.
template <typename Function>
pid_t fork_child(Function function) {
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
    std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
    std::string line;
    std::getline(stat, line);
    const auto name_end = line.rfind(')');
    if (name_end == std::string::npos || line.size() < name_end + 3 || line[name_end + 2] == 'Z') {
      return false;
    }
    if (line[name_end + 2] == 'S') {
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
