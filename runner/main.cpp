// ringfleet-runner: a process for one module. Started by a scheduler, which it is connected to on descriptor 3; ends
// with it, whatever ends it. Two threads: this one listens to the scheduler, the worker does everything that touches
// the module.

#include "command_queue.hpp"
#include "control_loop.hpp"
#include "nested_calls.hpp"
#include "worker.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/base/version.hpp"
#include "ringfleet/os/process.hpp"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using namespace ringfleet;

constexpr int control_descriptor = 3;
constexpr std::size_t worker_stack_bytes = std::size_t{8} << 20;
// A frame larger than the guard could step over it into a neighbour's memory: wider than any sane frame.
constexpr std::size_t worker_guard_bytes = std::size_t{1} << 20;

[[noreturn]] void refuse(const char* why) {
  std::fprintf(stderr, "ringfleet-runner: %s\n", why);
  std::exit(2);
}

// The scheduler made the socket pair, so its pid stands in it; a parent that is somebody else means it is gone.
void tie_to_scheduler() {
  ucred peer{};
  socklen_t length = sizeof peer;
  if (getsockopt(control_descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) {
    refuse("descriptor 3 is not connected to a scheduler; this program is started by ringfleet, not by hand");
  }
  if (!os::set_parent_death_signal(SIGKILL, peer.pid)) {
    _exit(0);
  }
}

void start_worker(runner::Worker& worker) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, worker_stack_bytes);
  pthread_attr_setguardsize(&attributes, worker_guard_bytes);
  pthread_t thread{};
  const int error = pthread_create(
      &thread, &attributes,
      [](void* argument) noexcept -> void* {
        static_cast<runner::Worker*>(argument)->run();
        std::exit(0); // here, so that the module's destructors run on the thread that ran its constructors
      },
      &worker);
  pthread_attr_destroy(&attributes);
  if (error != 0) {
    refuse(std::strerror(error));
  }
}

} // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "--version") == 0) {
    std::printf("ringfleet-runner %s\n", version);
    return 0;
  }
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ); // a pipe to the scheduler: lines are wanted when they are written
  try {
    tie_to_scheduler();
    call::ControlChannel channel{os::Socket(os::Descriptor(control_descriptor))};
    runner::CommandQueue commands;
    runner::NestedCalls nested(channel);
    runner::Worker worker(commands, channel, nested);
    start_worker(worker);
    runner::ControlLoop(channel, commands, nested).run();
  } catch (const Error& error) {
    refuse(error.what());
  }
}
