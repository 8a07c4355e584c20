#pragma once

// A check that runs in a process of a PID namespace of its own.

#include "forked_child.hpp"

#include <doctest/doctest.h>

#include <sched.h>

namespace ringfleet::test {

// Whether the check held there. Says so, and true, where this user may not make one.
template <class Check>
bool passes_in_own_pid_namespace(Check&& check) {
  const auto status = in_forked_child([&] {
    if (::unshare(CLONE_NEWPID) != 0) {
      return 77;
    }
    // /proc is still the one of the outer namespace, where this grandchild can be seen.
    return wait_for_child(fork_child([&] { return check() ? 0 : 1; })).code;
  });
  if (status.code == 77 && !status.signalled) {
    MESSAGE("SKIPPED: this user may not make a PID namespace");
    return true;
  }
  CHECK(status.to_string() == "exited with 0");
  return status.to_string() == "exited with 0";
}

} // namespace ringfleet::test
