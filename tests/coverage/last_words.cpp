// Linked into the test programs of a coverage build: a process that ends without exit() writes its counters first.
//
// The runtime of clang writes them when a program exits. Many children of our tests never do: they end by _exit(), an
// assertion, or SIGKILL, sent to themselves (DyingAtomics) or by their parent while they sleep in pause(). The
// functions below take the place of those of the C library in the program. Who is killed by somebody else while it
// computes stays uncounted; so does a process that may not write or open a file, or is traced.
//
// All processes of a program merge into one file, so nobody may be killed or stopped in the middle of that: whoever
// writes holds a lock, and whoever sends a signal takes it for that moment.

#include <csignal>
#include <fstream>
#include <string>

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

extern "C" int __llvm_profile_write_file(void);
extern "C" void __llvm_profile_reset_counters(void);

namespace {

// The program file itself is what is locked: each process can open it, and finds the same.
class ProgramLock {
public:
  ProgramLock() : file_(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC)) {
    if (file_ >= 0) {
      (void)::flock(file_, LOCK_EX);
    }
  }
  ProgramLock(const ProgramLock&) = delete;
  ProgramLock& operator=(const ProgramLock&) = delete;
  ~ProgramLock() {
    if (file_ >= 0) {
      (void)::close(file_);
    }
  }
  [[nodiscard]] bool is_held() const { return file_ >= 0; }

private:
  int file_;
};

// A tracer may stop and kill us anywhere.
bool is_traced() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("TracerPid:")) {
      return line != "TracerPid:\t0";
    }
  }
  return true;
}

void write_counters() {
  rlimit size{};
  if (::getrlimit(RLIMIT_FSIZE, &size) != 0 || size.rlim_cur != RLIM_INFINITY || is_traced()) {
    return;
  }
  const ProgramLock lock;
  if (lock.is_held()) {
    const auto before = ::umask(0); // the file is for processes of other users, too
    (void)__llvm_profile_write_file();
    ::umask(before);
    __llvm_profile_reset_counters(); // or a second time would count all of the first again
  }
}

} // namespace

extern "C" {

void _exit(int code) {
  write_counters();
  ::syscall(SYS_exit_group, code);
  __builtin_unreachable();
}

int kill(pid_t pid, int signal) noexcept {
  if (signal == SIGKILL && pid == ::getpid()) {
    write_counters();
  }
  const ProgramLock lock;
  return static_cast<int>(::syscall(SYS_kill, pid, signal));
}

int raise(int signal) noexcept {
  if (signal == SIGKILL) {
    write_counters();
  }
  return static_cast<int>(::syscall(SYS_tgkill, ::getpid(), ::gettid(), signal));
}

void abort() noexcept {
  write_counters();
  reinterpret_cast<void (*)()>(::dlsym(RTLD_NEXT, "abort"))();
  __builtin_unreachable();
}

int pause() {
  write_counters();
  return static_cast<int>(::syscall(SYS_pause));
}

} // extern "C"
