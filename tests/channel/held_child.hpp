#pragma once

// A child that goes as far as it is told to, says so, and stays there until it is killed.

#include "../os/forked_child.hpp"
#include "ringfleet/os/process.hpp"

#include <csignal>
#include <stdexcept>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace ringfleet::channel::test {

class HeldChild {
public:
  // Runs play(stay) in a child, until it calls stay(), which never returns.
  template <class Play>
  explicit HeldChild(Play play) {
    int pipe[2];
    if (::pipe2(pipe, O_CLOEXEC) != 0) {
      throw std::runtime_error("no pipe for a child");
    }
    pid_ = ringfleet::test::fork_child([&, parent = ::getpid()]() -> int {
      (void)os::set_parent_death_signal(SIGKILL, parent);
      return play([&] {
        (void)!::write(pipe[1], "", 1);
        for (;;) {
          ::pause();
        }
      });
    });
    ::close(pipe[1]);
    said_ = pipe[0];
  }
  HeldChild(HeldChild&& other) noexcept : pid_(std::exchange(other.pid_, 0)), said_(std::exchange(other.said_, -1)) {}
  HeldChild(const HeldChild&) = delete;
  HeldChild& operator=(const HeldChild&) = delete;
  ~HeldChild() {
    kill_and_reap();
    ::close(said_);
  }

  // Until it stays. False: it ended before.
  [[nodiscard]] bool stays() const {
    char byte = 0;
    return ::read(said_, &byte, 1) == 1;
  }
  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  void kill_and_reap() {
    if (const pid_t pid = std::exchange(pid_, 0); pid != 0) {
      ::kill(pid, SIGKILL);
      ringfleet::test::wait_for_child(pid);
    }
  }

private:
  pid_t pid_ = 0;
  int said_ = -1;
};

} // namespace ringfleet::channel::test
