#include "detach.hpp"

#include "exit_code.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ringfleet::cli {
namespace {

[[noreturn]] void fail(const std::string& what, const std::string& advice) {
  throw Failure(ExitCode::failed, what + ": " + std::generic_category().message(errno) + " (" + advice + ")");
}

// The child's byte, or its end. A child that was killed has said nothing: speak for it.
int outcome_of(pid_t child, int pipe_end) {
  char byte = 0;
  ssize_t got = 0;
  do {
    got = read(pipe_end, &byte, 1);
  } while (got < 0 && errno == EINTR);
  if (got == 1) {
    return 0;
  }
  const int deaf = got < 0 ? errno : 0;
  if (deaf != 0) { // it may run for ever without our hearing of it
    kill(child, SIGTERM);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (deaf != 0) {
    errno = deaf;
    fail("learn whether the fleet is up; it was stopped", "try again, or run it without -d");
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) != 0) {
    return WEXITSTATUS(status);
  }
  throw Failure(ExitCode::failed,
                WIFSIGNALED(status) ? "start the fleet: its process was killed by signal " +
                                          std::to_string(WTERMSIG(status)) + " (run it without -d to see more)"
                                    : "start the fleet: it ended before it was ready (run it without -d to see more)");
}

int open_or_fail(const std::string& path, int flags) {
  int file = -1;
  do {
    file = open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, 0600);
  } while (file < 0 && errno == EINTR);
  if (file < 0) {
    fail("open '" + path + "'", "make room or permit it there, or run it without -d");
  }
  return file;
}

} // namespace

Detached::Detached() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    fail("start the fleet in the background: make a pipe", "see 'ulimit -n', or run it without -d");
  }
  const pid_t caller = getpid();
  const pid_t child = fork();
  if (child < 0) {
    fail("start the fleet in the background: fork", "see 'ulimit -u' and the free memory, or run it without -d");
  }
  if (child > 0) {
    close(ends[1]);
    const int end = ends[0];
    exit_code_ = outcome_of(child, end);
    close(end);
    return;
  }
  close(ends[0]);
  ready_ = ends[1];
  setsid();
  // Whoever interrupts the start does not want the fleet.
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != caller) {
    _exit(static_cast<int>(ExitCode::failed));
  }
}

Detached::~Detached() {
  if (ready_ >= 0) {
    close(ready_);
  }
}

void Detached::ready(const std::string& log_path) {
  const int nothing = open_or_fail("/dev/null", O_RDONLY);
  dup2(nothing, STDIN_FILENO);
  close(nothing);
  const int log = open_or_fail(log_path, O_WRONLY | O_CREAT | O_APPEND);
  dup2(log, STDOUT_FILENO);
  prctl(PR_SET_PDEATHSIG, 0);
  const char byte = 'r';
  ssize_t written = 0;
  do {
    written = write(ready_, &byte, 1);
  } while (written < 0 && errno == EINTR);
  // Without a caller the fleet goes on; a caller that lives and gets no byte would wait for ever.
  if (written < 0 && errno != EPIPE) {
    fail("tell the caller that the fleet is up", "run it without -d to see more");
  }
  dup2(log, STDERR_FILENO); // last: what goes wrong before is for the caller to read
  close(log);
  close(ready_);
  ready_ = -1;
}

} // namespace ringfleet::cli
