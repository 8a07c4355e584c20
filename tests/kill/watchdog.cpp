#include "watchdog.hpp"

#include <csignal>
#include <cstdio>

#include <unistd.h>

namespace ringfleet::kill {
namespace {

// Written by the one thread of a test program, read by its signal handlers.
std::string_view doing;
std::uint64_t at_instruction;
std::uint64_t progress;
std::uint64_t progress_seen;
unsigned period_seconds;

[[noreturn]] void give_up(const char* why) {
  char line[400];
  const int length =
      std::snprintf(line, sizeof line, "FAILED: %s at instruction %llu of: %.*s\n", why,
                    static_cast<unsigned long long>(at_instruction), static_cast<int>(doing.size()), doing.data());
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line, static_cast<std::size_t>(length));
  ::_exit(1);
}

void on_alarm(int) {
  if (progress == progress_seen) {
    give_up("stuck");
  }
  progress_seen = progress;
  ::alarm(period_seconds);
}
void on_fault(int signal) {
  give_up(signal == SIGABRT ? "an assertion fails" : "a fault");
}

} // namespace

void begin_watch(unsigned seconds) {
  period_seconds = seconds;
  ::signal(SIGALRM, on_alarm);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGABRT}) {
    ::signal(fault, on_fault);
  }
  ::alarm(seconds);
}

void now_doing(std::string_view what, std::uint64_t instruction) noexcept {
  doing = what;
  at_instruction = instruction;
  ++progress;
}

} // namespace ringfleet::kill
