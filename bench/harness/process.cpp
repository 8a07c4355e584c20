#include "harness/process.hpp"

#include "ringfleet/base/error.hpp"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <utility>

#include <fmt/format.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ringfleet::bench {

void pin_to(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(core), &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0) {
    throw Error::from_errno(fmt::format("pin to core {}", core), errno, "choose other cores with --cores A,B");
  }
}

KeepAffinity::KeepAffinity() noexcept {
  sched_getaffinity(0, sizeof before_, &before_);
}
KeepAffinity::~KeepAffinity() {
  sched_setaffinity(0, sizeof before_, &before_);
}

// The parent waits until the child is on its core: a parent of real-time priority that spins would never let it get
// there.
PeerProcess::PeerProcess(int core, const std::function<void()>& body) {
  int on_its_core[2];
  if (pipe(on_its_core) != 0) {
    throw Error::from_errno("create a pipe", errno);
  }
  const auto& [to_read, to_write] = on_its_core;
  pid_ = fork();
  if (pid_ < 0) {
    throw Error::from_errno("fork the peer process", errno);
  }
  if (pid_ != 0) {
    close(to_write);
    char byte = 0;
    static_cast<void>(!read(to_read, &byte, 1));
    close(to_read);
    return;
  }
  int code = 0;
  try {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    pin_to(core);
    close(to_read);
    close(to_write);
    body();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "peer process: %s\n", error.what());
    code = 1;
  }
  _exit(code);
}

PeerProcess::~PeerProcess() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
}

void PeerProcess::join() {
  int status = 0;
  if (waitpid(std::exchange(pid_, -1), &status, 0) < 0) {
    throw Error::from_errno("wait for the peer process", errno);
  }
  if (status != 0) {
    throw Error(ErrorCode::peer_died, fmt::format("the peer process ended with wait status {}", status));
  }
}

void PeerProcess::expect_alive() {
  siginfo_t info{};
  if (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0) {
    throw Error(ErrorCode::peer_died, "the peer process ended in the middle of the measurement");
  }
}

SharedMemory::SharedMemory(std::size_t bytes, Pages pages)
    : base_(mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_ANONYMOUS | (pages == Pages::at_once ? MAP_POPULATE : 0), -1, 0)),
      bytes_(bytes) {
  if (base_ == MAP_FAILED) {
    throw Error::from_errno(fmt::format("map {} bytes of shared memory", bytes), errno);
  }
}

SharedMemory::~SharedMemory() {
  munmap(base_, bytes_);
}

} // namespace ringfleet::bench
