#pragma once

// A thread of a forked child that the kernel kills at its next system call (strict seccomp): the proof that a loop
// makes none.

#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ringfleet::test {

// Ends the child with 77 where the kernel has no seccomp.
inline void forbid_system_calls() {
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
