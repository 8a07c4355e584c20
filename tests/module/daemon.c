/* Forks. `write_from_child` answers how a child ended that wanted to write into the reply, and before that into every
 * file of memory that it had a descriptor of: "signal N", or "exit N" when it could. `leave_daemon` leaves a process
 * behind that has all of the runner's descriptors and lives until it is killed, and answers with its pid. `echo`
 * answers with its arguments. */

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "minimal.h"

enum { echo, write_from_child, leave_daemon };
enum { descriptors = 256, page = 4096 };

static int files_of_memory_to_write(void) {
  int mapped = 0;
  for (int fd = 0; fd < descriptors; ++fd) {
    if (fcntl(fd, F_GET_SEALS) >= 0 && mmap(0, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) != MAP_FAILED) {
      ++mapped;
    }
  }
  return mapped;
}

static int ends_of_child(char* text, size_t bytes, uint64_t* reply) {
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGSEGV, SIG_DFL);
    const int mapped = files_of_memory_to_write();
    if (mapped == 0) {
      *reply = 0x5a5a5a5a5a5a5a5au;
      __asm__ __volatile__("" : : "r"(reply) : "memory");
    }
    _exit(mapped);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? snprintf(text, bytes, "signal %d", WTERMSIG(status))
                             : snprintf(text, bytes, "exit %d", WEXITSTATUS(status));
}

static int pid_of_daemon(char* text, size_t bytes) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return 0;
  }
  const pid_t child = fork();
  if (child == 0) {
    if (fork() != 0) {
      _exit(0);
    }
    setsid();
    const pid_t own = getpid();
    if (write(ends[1], &own, sizeof own) != sizeof own) {
      _exit(1);
    }
    for (;;) {
      pause();
    }
  }
  waitpid(child, 0, 0);
  pid_t daemon = 0;
  const int length = read(ends[0], &daemon, sizeof daemon) == sizeof daemon ? snprintf(text, bytes, "%d", daemon) : 0;
  close(ends[0]);
  close(ends[1]);
  return length;
}

static int call(void* state, uint32_t method, const void* args, uint64_t bytes, ringfleet_reply* reply) {
  (void)state;
  char text[32];
  switch (method) {
  case write_from_child:
    return reply->write(reply, text, (uint64_t)ends_of_child(text, sizeof text, reply->reserve(reply, sizeof text)));
  case leave_daemon: return reply->write(reply, text, (uint64_t)pid_of_daemon(text, sizeof text));
  default: return reply->write(reply, args, bytes);
  }
}

static const ringfleet_method methods[] = {{"echo", 0, 0, 0}, {"write_from_child", 0, 0, 0}, {"leave_daemon", 0, 0, 0}};

RINGFLEET_EXPORT const ringfleet_module_v2 ringfleet_module = {
    .abi_version = RINGFLEET_ABI_VERSION,
    .struct_bytes = sizeof(ringfleet_module_v2),
    .id = "daemon",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof methods / sizeof methods[0],
    .method_bytes = sizeof(ringfleet_method),
    .init = minimal_init,
    .call = call,
};
