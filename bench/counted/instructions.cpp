#include "counted/instructions.hpp"

#include "ringfleet/base/error.hpp"

#include <cerrno>
#include <csignal>
#include <optional>

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ringfleet::bench {
namespace {

// -1: there is none here.
int open_counter() {
  perf_event_attr attributes{};
  attributes.type = PERF_TYPE_HARDWARE;
  attributes.size = sizeof attributes;
  attributes.config = PERF_COUNT_HW_INSTRUCTIONS;
  attributes.disabled = 1;
  attributes.exclude_kernel = 1;
  attributes.exclude_hv = 1;
  return static_cast<int>(syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0));
}

std::optional<std::uint64_t> by_counter(const std::function<void()>& body) {
  const int counter = open_counter();
  if (counter < 0) {
    return std::nullopt;
  }
  std::uint64_t count = 0;
  ioctl(counter, PERF_EVENT_IOC_ENABLE, 0);
  body();
  ioctl(counter, PERF_EVENT_IOC_DISABLE, 0);
  const bool is_read = read(counter, &count, sizeof count) == sizeof count;
  close(counter);
  return is_read && count != 0 ? std::optional(count) : std::nullopt;
}

// From one stop of the child to the next.
std::uint64_t by_steps(const std::function<void()>& body) {
  const pid_t child = fork();
  if (child < 0) {
    throw Error::from_errno("fork a traced child", errno);
  }
  if (child == 0) {
    ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    raise(SIGSTOP);
    body();
    raise(SIGUSR1);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  std::uint64_t steps = 0;
  bool is_over = !WIFSTOPPED(status);
  while (!is_over && ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr) == 0) {
    ++steps;
    is_over = waitpid(child, &status, 0) < 0 || !WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP;
  }
  const bool is_done = WIFSTOPPED(status) && WSTOPSIG(status) == SIGUSR1;
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
  if (!is_done) {
    throw Error(ErrorCode::wrong_state, "a child cannot be traced here, or what it ran failed");
  }
  return steps;
}

} // namespace

std::uint64_t count_instructions(const std::function<void()>& body) {
  if (const auto count = by_counter(body)) {
    return *count;
  }
  static const std::uint64_t of_nothing = by_steps([] {});
  return by_steps(body) - of_nothing;
}

} // namespace ringfleet::bench
