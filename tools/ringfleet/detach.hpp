#pragma once

// `up -d`: the fleet goes on in a session of its own, and the command returns when the fleet is Ready, or with the
// error and exit code of the attempt. Until then everything is said on the caller's terminal, afterwards in the log.

#include <optional>
#include <string>

namespace ringfleet::cli {

class Detached {
public:
  // Call while the process has one thread. In the child: returns the object. In the caller's process: waits for the
  // child and does not return a child; `exit_code()` says how it went.
  Detached();
  ~Detached();
  Detached(const Detached&) = delete;
  Detached& operator=(const Detached&) = delete;

  [[nodiscard]] bool is_child() const noexcept { return !exit_code_.has_value(); }
  [[nodiscard]] int exit_code() const noexcept { return exit_code_.value_or(0); }

  // In the child: output goes to the log from now on, and the caller may return. Throws Failure when the log cannot be
  // opened.
  void ready(const std::string& log_path);

private:
  int ready_ = -1; // the child's end of the pipe that the caller waits on
  std::optional<int> exit_code_;
};

} // namespace ringfleet::cli
