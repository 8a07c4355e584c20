#include "stepper.hpp"

#include <cerrno>
#include <csignal>
#include <cstddef>

#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

extern "C" const char __executable_start;

namespace ringfleet::kill {
namespace {

// The status of the child, which has changed. A signal handler of this process may interrupt the wait.
int wait_for(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) == -1 && errno == EINTR) {
  }
  return status;
}

#ifdef __x86_64__
constexpr std::size_t instruction_pointer_offset = offsetof(user_regs_struct, rip);
constexpr long mark_bytes = 2; // of the instruction
#endif

} // namespace

bool may_step() {
#ifdef __x86_64__
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::_exit(::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0 && ::raise(SIGSTOP) == 0 ? 0 : 1);
  }
  const int status = wait_for(pid);
  if (!WIFSTOPPED(status)) {
    return false;
  }
  const bool steps = ::ptrace(PTRACE_SINGLESTEP, pid, nullptr, nullptr) == 0;
  ::kill(pid, SIGKILL);
  for (auto last = wait_for(pid); WIFSTOPPED(last); last = wait_for(pid)) {
  }
  return steps;
#else
  return false;
#endif
}

Stepper::Stepper(const std::function<void()>& body) : pid_(::fork()) {
  if (pid_ == 0) {
    for (const int fault : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGALRM}) {
      ::signal(fault, SIG_DFL);
    }
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0 && ::raise(SIGSTOP) == 0) {
      body();
    }
    ::_exit(1);
  }
  if (WIFSTOPPED(wait_for(pid_))) {
    ::ptrace(PTRACE_SETOPTIONS, pid_, nullptr, PTRACE_O_EXITKILL);
  }
}

Stepper::~Stepper() {
  ::kill(pid_, SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) == pid_ && WIFSTOPPED(status)) {
  }
}

Stepper::Stop Stepper::step() {
  return go_on(PTRACE_SINGLESTEP);
}
Stepper::Stop Stepper::run() {
  return go_on(PTRACE_CONT);
}

Stepper::Stop Stepper::go_on(int request) {
  for (long signal = 0;;) {
    if (::ptrace(static_cast<__ptrace_request>(request), pid_, nullptr, signal) != 0) {
      return Stop::ended;
    }
    const int status = wait_for(pid_);
    if (!WIFSTOPPED(status)) {
      cause_ = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
      return Stop::ended;
    }
    switch (WSTOPSIG(status)) {
    case SIGTRAP: return Stop::stepped;
#ifdef __x86_64__
    case SIGILL: {
      const long at = ::ptrace(PTRACE_PEEKUSER, pid_, instruction_pointer_offset, nullptr);
      ::ptrace(PTRACE_POKEUSER, pid_, instruction_pointer_offset, at + mark_bytes);
      return Stop::marked;
    }
#endif
    case SIGSEGV:
    case SIGBUS:
    case SIGABRT:
    case SIGFPE: cause_ = WSTOPSIG(status); return Stop::ended;
    default: signal = WSTOPSIG(status);
    }
  }
}

bool Stepper::is_at_system_call() const {
#ifdef __x86_64__
  constexpr long syscall_instruction = 0x050f;
  const long at = ::ptrace(PTRACE_PEEKUSER, pid_, instruction_pointer_offset, nullptr);
  return (::ptrace(PTRACE_PEEKTEXT, pid_, at, nullptr) & 0xffff) == syscall_instruction;
#else
  return false;
#endif
}

std::uint64_t Stepper::place() const {
#ifdef __x86_64__
  const long at = ::ptrace(PTRACE_PEEKUSER, pid_, instruction_pointer_offset, nullptr);
  return static_cast<std::uint64_t>(at) - reinterpret_cast<std::uintptr_t>(&__executable_start);
#else
  return 0;
#endif
}

} // namespace ringfleet::kill
