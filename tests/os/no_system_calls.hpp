#pragma once

// A thread of a forked child that the kernel kills at its next system call: the proof that a loop makes none.

#include <array>
#include <cstddef>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ringfleet::test {

// Both end the child with 77 where the kernel has no seccomp.
inline void forbid_system_calls() {
  std::array code = {
      sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit, 0, 1),
      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
  };
  const sock_fprog program{.len = code.size(), .filter = code.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    ::_exit(77);
  }
}
// Strict seccomp, which allows read and write, but forbids the time stamp counter.
inline void forbid_system_calls_and_clocks() {
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) {
    ::_exit(77);
  }
}
// The thread; exit_group is forbidden, too.
[[noreturn]] inline void end_thread(int code) {
  ::syscall(SYS_exit, code);
  __builtin_unreachable();
}

} // namespace ringfleet::test
