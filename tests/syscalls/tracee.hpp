#pragma once

// What the injector knows about a traced thread, and the few requests of ptrace it makes. The registers are x86-64's;
// elsewhere the injector does not work and says so with exit status 77.

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <string>

#include <sys/auxv.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ringfleet::test {

// prctl(phase_mark, 1) begins what is counted, prctl(phase_mark, 0) ends it. The kernel knows no such option.
inline constexpr std::uint64_t phase_mark = 0x72666c74;

struct Place {
  int process = 0;
  int thread = 0;
  long call = 0;
  long nth = 0;

  friend bool operator==(const Place&, const Place&) = default;
};

struct Tracee {
  pid_t process = 0;
  int ordinal = 0;
  int pending_error = 0;
  std::map<long, long> counts = {};
};

struct Process {
  int ordinal = 0;
  bool is_ours = false; // past the loader and the start-up of libc
  int threads = 0;
};

struct Call {
  bool is_entry = false;
  long number = -1;
  std::array<std::uint64_t, 6> arguments{};
};

[[noreturn]] inline void refuse_to_work(const char* why) {
  std::fprintf(stderr, "SKIPPED: ptrace does not work here: %s (%s)\n", why, std::strerror(errno));
  std::exit(77);
}

// A child that waits until it is traced.
inline pid_t start(char** command) {
  std::array<int, 2> gate{};
  if (pipe(gate.data()) != 0) {
    refuse_to_work("pipe");
  }
  const pid_t child = fork();
  if (child == 0) {
    char byte = 0;
    close(gate[1]);
    while (read(gate[0], &byte, 1) < 0 && errno == EINTR) {
    }
    close(gate[0]);
    execv(command[0], command);
    std::perror(command[0]);
    _exit(127);
  }
  constexpr long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                           PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
  int status = 0;
  if (child < 0 || ptrace(PTRACE_SEIZE, child, 0, options) != 0 || ptrace(PTRACE_INTERRUPT, child, 0, 0) != 0 ||
      waitpid(child, &status, 0) != child) {
    refuse_to_work("attach to a child");
  }
  ptrace(PTRACE_SYSCALL, child, 0, 0);
  close(gate[0]);
  close(gate[1]);
  return child;
}

inline Call look_at(pid_t tid) {
  __ptrace_syscall_info info{};
  if (ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof(info), &info) <= 0) {
    return {};
  }
  Call call;
  call.is_entry = info.op == PTRACE_SYSCALL_INFO_ENTRY;
  if (call.is_entry) {
    call.number = static_cast<long>(info.entry.nr);
    for (std::size_t i = 0; i < call.arguments.size(); ++i) {
      call.arguments[i] = info.entry.args[i];
    }
  }
  return call;
}

// A number from the kernel's status of a task, "Tgid" or "PPid"; 0: it is gone.
inline pid_t status_of(pid_t tid, const std::string& name) {
  std::ifstream status("/proc/" + std::to_string(tid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name + ":")) {
      return static_cast<pid_t>(std::atol(line.c_str() + name.size() + 1));
    }
  }
  return 0;
}

#if defined(__x86_64__)

// A system call of the number -1 is not made.
inline void skip_call(pid_t tid) {
  user_regs_struct registers{};
  ptrace(PTRACE_GETREGS, tid, 0, &registers);
  registers.orig_rax = ~0ULL;
  ptrace(PTRACE_SETREGS, tid, 0, &registers);
}

inline void set_result(pid_t tid, long result) {
  user_regs_struct registers{};
  ptrace(PTRACE_GETREGS, tid, 0, &registers);
  registers.rax = static_cast<unsigned long long>(result);
  ptrace(PTRACE_SETREGS, tid, 0, &registers);
}

inline void set_next_instruction(pid_t tid, std::uint64_t address) {
  user_regs_struct registers{};
  ptrace(PTRACE_GETREGS, tid, 0, &registers);
  registers.rip = address;
  ptrace(PTRACE_SETREGS, tid, 0, &registers);
}
inline constexpr long breakpoint = 0xcc;
inline constexpr long breakpoint_mask = 0xff;

#else

inline void skip_call(pid_t) {
  refuse_to_work("this processor's registers are not known here");
}
inline void set_result(pid_t, long) {}
inline void set_next_instruction(pid_t tid, std::uint64_t) {
  skip_call(tid);
}
inline constexpr long breakpoint = 0;
inline constexpr long breakpoint_mask = 0;

#endif

// Where a program begins when the loader is through with it: a breakpoint that is met once.
class Entry {
public:
  [[nodiscard]] bool is_set() const { return address_ != 0; }

  // After its exec, before its first instruction.
  void put_in(pid_t tid) {
    std::ifstream vector("/proc/" + std::to_string(tid) + "/auxv", std::ios::binary);
    for (std::array<std::uint64_t, 2> item{}; vector.read(reinterpret_cast<char*>(item.data()), sizeof item);) {
      address_ = item[0] == AT_ENTRY ? item[1] : address_;
    }
    word_ = ptrace(PTRACE_PEEKTEXT, tid, address_, 0);
    ptrace(PTRACE_POKETEXT, tid, address_, (word_ & ~breakpoint_mask) | breakpoint);
  }
  void take_out(pid_t tid) {
    ptrace(PTRACE_POKETEXT, tid, address_, word_);
    set_next_instruction(tid, address_);
    address_ = 0;
  }

private:
  std::uint64_t address_ = 0;
  long word_ = 0;
};

} // namespace ringfleet::test
