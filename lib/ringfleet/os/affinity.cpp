#include "ringfleet/os/affinity.hpp"

#include "ringfleet/base/error.hpp"

#include <cerrno>

#include <fmt/format.h>

#include <sched.h>

namespace ringfleet::os {

std::vector<unsigned> allowed_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof(set), &set) != 0) {
    throw Error::from_errno("read the affinity mask", errno);
  }
  std::vector<unsigned> cpus;
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) {
      cpus.push_back(cpu);
    }
  }
  return cpus;
}

void pin_current_thread(unsigned cpu) {
  if (cpu >= CPU_SETSIZE) {
    throw Error(ErrorCode::invalid_argument, fmt::format("pin a thread to core {}: there is no such core", cpu));
  }
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (::sched_setaffinity(0, sizeof(set), &set) == 0) {
    return;
  }
  if (errno == EINVAL) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("pin a thread to core {}: it does not exist or is not allowed", cpu),
                "choose one of those in /proc/self/status, Cpus_allowed_list", EINVAL);
  }
  throw Error::from_errno(fmt::format("pin a thread to core {}", cpu), errno);
}

} // namespace ringfleet::os
