#pragma once

// One incarnation of a runner as the scheduler sees it: the process, its control channel, its output, and the state
// machine
//
//   starting → ready → draining → stopping → dead          (death is possible from anywhere)
//
// Loop thread only. Knows no module policy: it reports to its observer, who decides.

#include "ringfleet/call/control_message.hpp"
#include "ringfleet/call/handshake.hpp"
#include "ringfleet/fleet/artifact.hpp"
#include "ringfleet/fleet/detail/event_loop.hpp"
#include "ringfleet/fleet/detail/output_pipe.hpp"
#include "ringfleet/fleet/log_line.hpp"
#include "ringfleet/os/child_process.hpp"
#include "ringfleet/policy/own_time.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringfleet::fleet {

// How often a scheduler looks round when nothing happens.
inline constexpr Nanoseconds supervision_tick = std::chrono::milliseconds(250);

enum class RunnerState : std::uint8_t { starting, ready, draining, stopping, dead };

[[nodiscard]] std::string_view to_string(RunnerState state) noexcept;

class Runner;

// Everything a runner tells. Called on the loop thread; `on_gone` is the last call, after the process was reaped.
class RunnerObserver {
public:
  virtual ~RunnerObserver() = default;
  virtual void on_ready(Runner& runner) = 0;
  virtual void on_message(Runner& runner, call::ControlMessage& message) = 0; // lanes, arenas, nested calls
  virtual void on_drained(Runner& runner) = 0;
  virtual void on_gone(Runner& runner) = 0;
  virtual void on_line(Runner& runner, LogStream stream, std::string_view line) = 0;
};

struct RunnerSpec {
  std::uint64_t serial = 0;
  std::string program;      // path of ringfleet-runner
  std::string module;       // id in the fleet
  std::uint32_t number = 0; // of the module
  std::string config;       // JSON text
  std::uint64_t memory_limit_bytes = 0;
  std::uint32_t descriptor_limit = 0;
  std::shared_ptr<const Artifact> artifact;
  Nanoseconds start_timeout{};
  Nanoseconds stop_timeout{};
  std::string counter_path; // created here, removed when the runner is gone
  std::string fleet_name;
};

class Runner {
public:
  // Spawns the process and sends it its module; throws Error when that is impossible. `observer` outlives this object.
  Runner(RunnerSpec spec, EventLoop& loop, RunnerObserver& observer);
  ~Runner(); // kills what still lives
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  [[nodiscard]] std::uint64_t serial() const noexcept { return spec_.serial; }
  [[nodiscard]] const RunnerSpec& spec() const noexcept { return spec_; }
  [[nodiscard]] RunnerState state() const noexcept { return state_; }
  // What the module said of itself when it was loaded; `facts_text` is the same as the runner encoded it.
  [[nodiscard]] const call::ModuleDescription& facts() const noexcept { return facts_; }
  [[nodiscard]] const std::string& facts_text() const noexcept { return facts_text_; }
  [[nodiscard]] std::int32_t pid() const noexcept { return child_.pid(); }
  [[nodiscard]] const os::Descriptor& pidfd() const noexcept { return child_.pidfd(); }
  [[nodiscard]] MonotonicNs started_at() const noexcept { return started_at_; }
  [[nodiscard]] MonotonicNs ready_at() const noexcept { return ready_at_; }
  // Requests executed over the life of the runner, as it said when it was drained.
  [[nodiscard]] std::uint64_t executed() const noexcept { return executed_; }
  [[nodiscard]] bool drained() const noexcept { return drained_; }

  // Why it is gone, for people: "killed by SIGSEGV (11)", "exited with 3", or the reason given to end_by_force().
  [[nodiscard]] const std::string& cause() const noexcept { return cause_; }
  // The error of a module that could not be started; empty when the process simply died.
  [[nodiscard]] const std::string& failure() const noexcept { return failure_; }
  // An orderly end: it was told to stop, and exited with 0.
  [[nodiscard]] bool ended_orderly() const noexcept { return orderly_; }

  // A runner that does not take a message (its buffer is full because it is stopped or broken) is ended by force.
  void send(const call::ControlMessage& message, std::span<const int> descriptors = {});

  // ready → draining: no lane accepts more; on_drained follows, or the deadline passes and it is ended by force.
  void drain(Nanoseconds timeout);
  // → stopping: module shutdown, then SIGTERM, then SIGKILL, each after `stop_timeout`.
  void stop();
  // SIGKILL now; `reason` becomes the cause.
  void end_by_force(std::string reason);

  // A runner that somebody stopped answers nobody: it is ended when it stays so for longer than `patience`, measured in
  // the scheduler's own time. Called at every tick.
  void check_stopped(MonotonicNs own_time, Nanoseconds patience);

  [[nodiscard]] MonotonicNs next_deadline() const noexcept { return deadline_.on_clock(); }
  // Called at every tick at least: what a runner may take is the scheduler's own time, too.
  void on_time(MonotonicNs now);

private:
  void send_module();
  void let_go() noexcept;
  void read_channel();
  void handle(call::ControlMessage& message);
  void process_died();

  RunnerSpec spec_;
  EventLoop& loop_;
  RunnerObserver& observer_;
  RunnerState state_ = RunnerState::starting;
  os::ChildProcess child_;
  call::ControlChannel channel_;
  OutputPipe output_;
  OutputPipe errors_;
  EventLoop::Token channel_token_ = 0;
  EventLoop::Token death_token_ = 0;
  call::ModuleDescription facts_;
  std::string facts_text_;
  MonotonicNs started_at_ = 0;
  MonotonicNs ready_at_ = 0;
  policy::OwnDeadline deadline_{supervision_tick};
  std::optional<MonotonicNs> stopped_since_; // own time
  int force_step_ = 0;                       // in `stopping`: 0 asked, 1 SIGTERM sent
  std::uint64_t executed_ = 0;
  bool drained_ = false;
  bool orderly_ = false;
  std::string cause_;
  std::string failure_;
};

} // namespace ringfleet::fleet
