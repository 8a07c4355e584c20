#pragma once

// Who a process is, and whether it lives. A pid alone is never an identity (it is reused within seconds under load):
// the pair of pid and start time is, and so is a pidfd.

#include "ringfleet/os/descriptor.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace ringfleet::os {

struct ProcessIdentity {
  std::int32_t pid = 0;
  std::uint64_t start_time_ticks = 0; // since boot, from /proc/PID/stat

  friend bool operator==(const ProcessIdentity&, const ProcessIdentity&) = default;
};

enum class Liveness : std::uint8_t {
  alive,
  dead,  // still in the process table, not yet reaped by its parent
  absent // gone, or the pid now belongs to another process
};

// Empty when there is no such process. Throws Error(no_permission) when there is one that /proc hides from this user,
// or Error(system) when /proc cannot be read, and so do the others that read it: neither is a proof of death.
[[nodiscard]] std::optional<ProcessIdentity> identity_of(std::int32_t pid);
[[nodiscard]] ProcessIdentity own_identity();
// Which PID namespace this process lives in: pids mean something between processes of the same one only.
[[nodiscard]] std::uint64_t own_pid_namespace();
[[nodiscard]] Liveness liveness_of(const ProcessIdentity& identity);

// By SIGSTOP, a terminal or a tracer. False for a process that does not exist.
[[nodiscard]] bool is_stopped(std::int32_t pid);

// Becomes readable when the process is dead, reaped or not. Throws Error(not_found) when there is no such process.
[[nodiscard]] Descriptor open_pidfd(std::int32_t pid);

// True once every thread of the process is gone. Never blocks.
[[nodiscard]] bool is_dead(const Descriptor& pidfd);

// Through the pidfd, so never to a process that reuses the pid. False when it is dead already.
bool send_signal(const Descriptor& pidfd, int signal_number);

// In a child, first thing: the kernel sends `signal_number` when the thread that spawned it ends (the thread, not the
// process: spawn from one that lives as long as the process). Returns false when the parent is already gone, i.e. the
// caller must exit. In the first process of a PID namespace the parent is outside and getppid() is 0: pass 0 then.
[[nodiscard]] bool set_parent_death_signal(int signal_number, std::int32_t expected_parent_pid);

} // namespace ringfleet::os
