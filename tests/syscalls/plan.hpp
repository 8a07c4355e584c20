#pragma once

// What the injector is told to do, and to which system call.

#include "tracee.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/syscall.h>

namespace ringfleet::test {

struct Plan {
  static constexpr const char* usage =
      "usage: inject REPORT record [whole] PROGRAM …\n"
      "       inject REPORT PROCESS THREAD CALL NTH ERRNO|kill|storm [whole] PROGRAM …\n"
      "       inject REPORT steps N PROGRAM …\n";

  bool record = false;
  Place place;
  int error = 0; // 0: kill
  bool storm = false;
  bool steps = false;
  long step = 0;
  bool whole = false;

  // Where the program's own command begins; 0: that is no plan.
  int read(int argc, char** argv) {
    int rest = 3;
    if (argc > 3 && std::strcmp(argv[2], "record") == 0) {
      record = true;
    } else if (argc > 4 && std::strcmp(argv[2], "steps") == 0) {
      steps = true;
      step = std::atol(argv[3]);
      rest = 4;
    } else if (argc > 7) {
      place = {std::atoi(argv[2]), std::atoi(argv[3]), std::atol(argv[4]), std::atol(argv[5])};
      storm = std::strcmp(argv[6], "storm") == 0;
      error = storm ? EINTR : std::strcmp(argv[6], "kill") == 0 ? 0 : std::atoi(argv[6]);
      rest = 7;
    } else {
      return 0;
    }
    whole = std::strcmp(argv[rest], "whole") == 0;
    rest += whole ? 1 : 0;
    return rest < argc ? rest : 0;
  }

  [[nodiscard]] bool is_meant(const Place& here, const Call& call) const {
    if (error == EINTR && !is_interruptible(call)) {
      return false;
    }
    if (!storm) {
      return here == place;
    }
    return here.process == place.process && here.thread == place.thread && here.call == place.call && here.nth % 2 == 0;
  }

  // Of these two only some commands can wait.
  [[nodiscard]] static bool is_interruptible(const Call& call) {
    const auto command = static_cast<int>(call.arguments[1]);
    if (call.number == SYS_futex) {
      return (command & FUTEX_CMD_MASK) == FUTEX_WAIT || (command & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET;
    }
    return call.number != SYS_fcntl || command == F_OFD_SETLK || command == F_OFD_GETLK;
  }
};

} // namespace ringfleet::test
