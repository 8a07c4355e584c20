#pragma once

// A stranger that has the pid of somebody who is gone, as after a wrap of the kernel's counter, but at once.

#include "forked_child.hpp"
#include "ringfleet/os/process.hpp"

#include <csignal>
#include <cstdint>
#include <cstring>
#include <string>

#include <doctest/doctest.h>

#include <linux/sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ringfleet::test {

// Lives until the end of this object, under the pid of a process that was reaped and began at another time: the start
// time is counted in hundredths of a second, and what began in the same one is beyond what can be told apart.
class Stranger {
public:
  explicit Stranger(const os::ProcessIdentity& gone) {
    do {
      end();
      pid_t wanted = gone.pid;
      clone_args arguments{};
      arguments.exit_signal = SIGCHLD;
      arguments.set_tid = reinterpret_cast<std::uint64_t>(&wanted);
      arguments.set_tid_size = 1;
      pid_ = static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof arguments));
      if (pid_ == 0) {
        for (;;) {
          ::pause();
        }
      }
    } while (pid_ > 0 && os::identity_of(pid_) == gone);
    if (pid_ < 0) {
      MESSAGE("SKIPPED: this user may not choose a pid (CAP_CHECKPOINT_RESTORE), or somebody has it: ",
              std::string(std::strerror(errno)));
    }
  }
  ~Stranger() { end(); }
  Stranger(const Stranger&) = delete;
  Stranger& operator=(const Stranger&) = delete;

  // False where that is not to be had: it was said.
  [[nodiscard]] explicit operator bool() const { return pid_ > 0; }
  [[nodiscard]] pid_t pid() const { return pid_; }

private:
  void end() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      wait_for_child(pid_);
    }
    pid_ = 0;
  }

  pid_t pid_ = 0;
};

} // namespace ringfleet::test
