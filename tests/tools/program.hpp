#pragma once

// Runs a program as a user would: arguments, environment and standard input in; exit code, both outputs and signals
// out. Every wait is bounded; a program that outlives its object is killed.

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include <sys/types.h>

namespace ringfleet::tests {

struct Invocation {
  std::vector<std::string> command; // the program's path first
  std::string input = {};
  std::map<std::string, std::string> environment = {}; // on top of this process'
};

struct Result {
  int exit_code = -1; // 128 + signal when killed by one
  std::string out;
  std::string err;
};

// A program under way. Its outputs go to files in memory, so that it never waits for us.
class Program {
public:
  explicit Program(const Invocation& invocation);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  void signal(int number) const;
  // Until `text` is in the output or the error output; false when the program ended or 20 s passed first.
  [[nodiscard]] bool wait_for_text(const std::string& text);
  // Until it ended; a program that does not end within `patience` is killed and has exit code 128 + SIGKILL.
  [[nodiscard]] Result wait(std::chrono::seconds patience = std::chrono::seconds(60));
  [[nodiscard]] std::string out() const;
  [[nodiscard]] std::string err() const;

private:
  [[nodiscard]] bool ended(int timeout_ms);

  pid_t pid_ = -1;
  int pidfd_ = -1;
  int out_ = -1;
  int err_ = -1;
  bool reaped_ = false;
  int exit_code_ = -1;
};

[[nodiscard]] Result run(const Invocation& invocation);

} // namespace ringfleet::tests
