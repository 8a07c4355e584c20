#pragma once

// A child that is killed when it comes to the n-th system call of its work: debris of every place where the kernel sees
// a process pass.

#include "forked_child.hpp"

#include <csignal>

#include <doctest/doctest.h>

#include <sys/ptrace.h>
#include <sys/wait.h>

namespace ringfleet::test {

inline bool can_trace = true;

// `prepare()` comes first, untouched, and what it returns goes to `work(prepared)`. False when the work ended before
// its n-th call, or where tracing is not allowed: then can_trace is false.
template <class Prepare, class Work>
bool kill_at_system_call(int n, Prepare&& prepare, Work&& work) {
  const auto pid = fork_child([&] {
    auto prepared = prepare();
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) {
      return 77;
    }
    ::raise(SIGSTOP);
    work(prepared);
    return 0;
  });
  int status = 0;
  (void)::waitpid(pid, &status, 0);
  bool is_entry = false;
  for (int calls = 0; !WIFEXITED(status) && !WIFSIGNALED(status);) {
    if (is_entry && ++calls == n) {
      ::kill(pid, SIGKILL);
      (void)::waitpid(pid, &status, 0);
      return true;
    }
    ::ptrace(PTRACE_SYSCALL, pid, nullptr, nullptr);
    (void)::waitpid(pid, &status, 0);
    is_entry = !is_entry;
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
    MESSAGE("SKIPPED: tracing is not allowed here");
    can_trace = false;
  }
  return false;
}
template <class Work>
bool kill_at_system_call(int n, Work&& work) {
  return kill_at_system_call(n, [] { return 0; }, [&](int) { work(); });
}

} // namespace ringfleet::test
