#pragma once

// SIGINT, SIGTERM and SIGHUP for `up`: the first asks the fleet to drain and stop, the second ends the program at once
// (its runners end with it). Before the fleet is up, and once it is being taken down, the first one ends at once, too.

namespace ringfleet {
class Fleet;
} // namespace ringfleet

namespace ringfleet::cli {

// One at a time in a process. Installs the handlers for its life; runners do not inherit them.
class StopSignals {
public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  // From now on the first signal is Fleet::request_stop(). The fleet must live until release().
  void attach(Fleet& fleet) noexcept;
  void release() noexcept;
  // The signal that came, 0 for none.
  [[nodiscard]] int received() const noexcept;
};

} // namespace ringfleet::cli
