// Plays what the injector has to get right, for inject_test.py.
//
//   injected unannounced FORKS STEPPED BORN   under `steps 4`. One thread reads of the descriptor FORKS and forks, the
//                                             child writes to BORN; another one is stepped into a read of STEPPED
//   injected busy BEGIN CALLS                 reads of BEGIN; then the first thread makes call after call until the
//                                             second one has made its CALLS. Prints how many the first has made

#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <thread>

#include <sys/syscall.h>
#include <unistd.h>

namespace {

void fork_when_told(int told, int born) {
  char byte = 0;
  if (read(told, &byte, 1) == 1 && fork() == 0) {
    _exit(write(born, &byte, 1) == 1 ? 0 : 1);
  }
}

// From its SIGURG on the thread is stepped. Its fourth step is the read: it ends when there is something to read.
void read_in_steps(int told) {
#if defined(__x86_64__)
  std::array<char, 64> bytes{};
  static_assert(SYS_read == 0 && SIGURG <= bytes.size(), "the third argument of both calls is the same");
  const long descriptor = told;
  long process = getpid();
  long thread = gettid();
  long result = SYS_tgkill;
  asm volatile("syscall\n\t"
               "mov %[descriptor], %%rdi\n\t"
               "mov %[bytes], %%rsi\n\t"
               "xor %%eax, %%eax\n\t"
               "syscall"
               : "+a"(result), "+D"(process), "+S"(thread)
               : "d"(static_cast<long>(SIGURG)), [descriptor] "r"(descriptor), [bytes] "r"(bytes.data())
               : "rcx", "r11", "memory");
#else
  std::exit(told); // the injector has refused to work
#endif
}

int unannounced(int forks, int stepped, int born) {
  std::thread forker(fork_when_told, forks, born);
  // The younger one: of threads that are stopped, apart from the first, the kernel tells of the youngest first.
  std::thread steps(read_in_steps, stepped);
  forker.join();
  steps.join();
  return 0;
}

int busy(int begin, long calls) {
  char byte = 0;
  if (read(begin, &byte, 1) != 1) {
    return 1;
  }
  std::atomic<bool> is_done = false;
  std::thread second([&] {
    for (long call = 0; call < calls; ++call) {
      getppid();
    }
    is_done = true;
  });
  long made = 0;
  for (; !is_done; ++made) {
    getppid();
  }
  second.join();
  std::printf("%ld\n", made);
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  const std::string_view play = argc > 1 ? argv[1] : "";
  if (play == "unannounced" && argc == 5) {
    return unannounced(std::atoi(argv[2]), std::atoi(argv[3]), std::atoi(argv[4]));
  }
  if (play == "busy" && argc == 4) {
    return busy(std::atoi(argv[2]), std::atol(argv[3]));
  }
  return 2;
}
