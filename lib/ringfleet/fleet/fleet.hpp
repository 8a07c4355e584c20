#pragma once

// The embedding API: a scheduler inside this process. A Fleet starts the runners of a topology, watches, restarts and
// replaces them, and calls their modules over lanes in shared memory. All functions may be called by any thread at any
// time, unless they say otherwise; they throw ringfleet::Error for set-up and control, and answer calls with a Reply.
//
// One scheduler thread per Fleet; runners are child processes and end with it (`orphans = "stop"`), whatever kills this
// process.

#include "ringfleet/fleet/call.hpp"
#include "ringfleet/fleet/log_line.hpp"
#include "ringfleet/fleet/status.hpp"
#include "ringfleet/fleet/topology.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace ringfleet {

namespace fleet {
class Scheduler;
} // namespace fleet

struct FleetOptions {
  // Path of ringfleet-runner. Empty: $RINGFLEET_RUNNER, then beside this program, then the installed one, then PATH.
  std::string runner_path;
  // Receives each line that a runner writes to stdout or stderr, and each that a module logs; runs on the scheduler
  // thread and must not block. Empty: lines go to this process' stdout or stderr as `[module/serial] line`.
  std::function<void(const LogLine& line)> on_log;
  // Receives every state change as one line of text; same rules. Empty: dropped.
  std::function<void(std::string_view event)> on_event;
  // Tests only: no back-off and no crash-loop budget.
  bool unlimited_restarts = false;
};

class Fleet {
public:
  // Starts all modules and returns when every one is Ready; throws (and leaves nothing behind) when one is not within
  // its start_timeout, when a fleet of this name runs already, or on any other fault. A topology without fleet name
  // gets a private one.
  explicit Fleet(fleet::Topology topology, FleetOptions options = {});
  // Stops everything in order: no new calls, drain, module shutdown, then SIGTERM and SIGKILL where needed.
  ~Fleet();
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  // A topology of one module with defaults, for programs that only want to call a plug-in.
  [[nodiscard]] static fleet::Topology single(std::string module_id, std::string path);

  // Resolves a method; the first use of a module opens lanes to its runners (waits for that). Unknown module:
  // Error(not_found). Method names are checked by the runner: an unknown one answers `unknown_method`.
  [[nodiscard]] Method method(std::string_view module, std::string_view name);
  // Shorthands for method(module, name).call(…) and .start(…), with a look-up each time; an unknown module is a Reply
  // status here.
  [[nodiscard]] Reply call(std::string_view module, std::string_view method, std::span<const std::byte> args,
                           CallOptions options = {});
  [[nodiscard]] Reply call(std::string_view module, std::string_view method, std::string_view args,
                           CallOptions options = {});
  [[nodiscard]] PendingCall call_async(std::string_view module, std::string_view method,
                                       std::span<const std::byte> args, CallOptions options = {});

  // Adds a module to the running fleet; returns when it is Ready. Failure leaves the fleet as it was.
  void load(fleet::ModuleSpec module);
  // Replaces the module's code by the file at `path` (empty: the same path again) without failing a call: candidate,
  // probe, flip, drain, stop. Throws before the flip when the candidate fails; the old version then serves on,
  // untouched. One deploy per module at a time.
  DeployReport reload(std::string_view module, std::string_view path = {});
  // Drains and stops a module; its id is free again afterwards. Calls to it end with `unknown_module`.
  void unload(std::string_view module);

  [[nodiscard]] FleetStatus status() const;
  [[nodiscard]] ModuleInfo show(std::string_view module) const;
  [[nodiscard]] const std::string& name() const noexcept;

  // Blocks until somebody asks the fleet to end through its control socket (`ringfleet down`) or through
  // request_stop().
  void wait_for_stop();
  // Async-signal-safe: makes wait_for_stop() return.
  void request_stop() noexcept;

private:
  std::unique_ptr<fleet::Scheduler> scheduler_;
};

} // namespace ringfleet
