#pragma once

// A child: started with exactly the descriptors it is meant to have, held by a pidfd, reaped by its owner. SIGCHLD must
// not be ignored in this process, and nobody else may wait for "any child", or the exit status is lost.

#include "ringfleet/os/descriptor.hpp"
#include "ringfleet/os/process.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ringfleet::os {

struct ExitStatus {
  bool signalled = false;
  int code = 0; // exit code, or signal number

  [[nodiscard]] std::string to_string() const; // "exited with 3", "killed by SIGSEGV (11)"
  friend bool operator==(const ExitStatus&, const ExitStatus&) = default;
};

struct PassedDescriptor {
  int source = -1; // in this process; stays open
  int target = -1; // its number in the child
};

struct SpawnRequest {
  std::string path;                          // not searched in PATH
  std::vector<std::string> argv;             // with argv[0]
  std::vector<std::string> env;              // "NAME=value"; the whole environment of the child
  std::vector<PassedDescriptor> descriptors; // beside 0, 1 and 2, which are inherited unless named as a target here
  bool own_process_group = true;             // a ^C on the terminal is for the parent, not for the child
};

class ChildProcess {
public:
  ChildProcess() noexcept = default;
  // Starts it with an empty signal mask, default handlers, and no other descriptor. Throws Error (not_found,
  // no_permission, no_memory, no_descriptors) when the program cannot be started.
  explicit ChildProcess(const SpawnRequest& request);
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  // A child that was not reaped is killed and reaped; this waits for its death.
  ~ChildProcess();

  [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(pidfd_); }
  [[nodiscard]] std::int32_t pid() const noexcept { return identity_.pid; }
  [[nodiscard]] const ProcessIdentity& identity() const noexcept { return identity_; }
  // Readable when the child is dead. Valid as long as this object.
  [[nodiscard]] const Descriptor& pidfd() const noexcept { return pidfd_; }

  // False when it is dead already.
  bool signal(int signal_number);

  // Never blocks: empty while it lives. After death the status is kept, so both may be called again.
  [[nodiscard]] std::optional<ExitStatus> try_reap();
  // Is it held by SIGSTOP? As its parent learns it, at once; not when a debugger holds it. Never blocks.
  [[nodiscard]] bool is_stopped();
  // Blocks until it is dead.
  ExitStatus reap();

private:
  void swap(ChildProcess& other) noexcept;
  std::optional<ExitStatus> wait_for(int options);

  Descriptor pidfd_;
  ProcessIdentity identity_;
  std::optional<ExitStatus> status_;
  bool stopped_ = false;
};

} // namespace ringfleet::os
