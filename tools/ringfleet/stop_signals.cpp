#include "stop_signals.hpp"

#include "ringfleet/fleet/fleet.hpp"

#include <array>
#include <atomic>
#include <csignal>
#include <cstddef>

#include <unistd.h>

namespace ringfleet::cli {
namespace {

constexpr std::array stop_signals{SIGINT, SIGTERM, SIGHUP};
std::array<struct sigaction, stop_signals.size() + 1> previous_actions;

std::atomic<Fleet*> attached_fleet = nullptr;
std::atomic<int> received_signal = 0;
static_assert(std::atomic<Fleet*>::is_always_lock_free && std::atomic<int>::is_always_lock_free,
              "both are used in a signal handler");

extern "C" void on_stop_signal(int signal) {
  Fleet* fleet = attached_fleet.load();
  if (received_signal.exchange(signal) != 0 || fleet == nullptr) {
    _exit(128 + signal);
  }
  fleet->request_stop();
}

// A handler and not SIG_IGN: runners would inherit that across exec.
extern "C" void on_broken_pipe(int) {}

void install(int signal, void (*handler)(int), struct sigaction& previous) {
  struct sigaction action{};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigaction(signal, &action, &previous);
}

} // namespace

StopSignals::StopSignals() {
  received_signal = 0;
  for (std::size_t i = 0; i < stop_signals.size(); ++i) {
    install(stop_signals[i], on_stop_signal, previous_actions[i]);
  }
  install(SIGPIPE, on_broken_pipe, previous_actions.back());
}

StopSignals::~StopSignals() {
  release();
  for (std::size_t i = 0; i < stop_signals.size(); ++i) {
    sigaction(stop_signals[i], &previous_actions[i], nullptr);
  }
  sigaction(SIGPIPE, &previous_actions.back(), nullptr);
}

void StopSignals::attach(Fleet& fleet) noexcept {
  attached_fleet = &fleet;
}
void StopSignals::release() noexcept {
  attached_fleet = nullptr;
}
int StopSignals::received() const noexcept {
  return received_signal;
}

} // namespace ringfleet::cli
