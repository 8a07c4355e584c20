#pragma once

// The worker thread: everything that touches the module happens here, one thing at a time. It serves its lanes in turn,
// looks at the commands of the control thread in between, and parks when there is nothing to do.

#include "command_queue.hpp"
#include "module_host.hpp"
#include "nested_calls.hpp"
#include "runner_lane.hpp"
#include "services.hpp"
#include "tally.hpp"

#include "ringfleet/call/server_park.hpp"

#include <cstdint>
#include <memory>
#include <vector>

namespace ringfleet::runner {

class Worker {
public:
  // All must outlive this object.
  Worker(CommandQueue& commands, call::ControlChannel& channel, NestedCalls& nested);

  // Returns after a Stop command: the lanes are closed, the module has been shut down. A failure of this process' own
  // (no memory, no descriptors) ends the process; the supervisor then treats it as any other death.
  void run() noexcept;

private:
  enum class Flow : std::uint8_t { go_on, stop };

  Flow handle_commands();
  Flow handle(command::Load& load);
  Flow handle(command::AddLane& add);
  Flow handle(command::DropLane& drop);
  Flow handle(command::Probe& probe);
  Flow handle(command::Drain& drain);
  Flow handle(command::Stop& stop);

  // Serves up to `requests_max` requests of one lane; how many it was.
  std::uint32_t serve(RunnerLane& lane, std::uint32_t requests_max);
  void execute(RunnerLane& lane, const call::Request& request, bool may_be_late);
  [[nodiscard]] CallStatus verdict_before(const RunnerLane& lane, const call::Request& request, bool may_be_late) const;
  void close_lanes();
  void report_violations(RunnerLane& lane);
  void send(const call::ControlMessage& message);

  CommandQueue& commands_;
  call::ControlChannel& channel_;
  NestedCalls& nested_;
  Services services_;
  Tally tally_;
  std::unique_ptr<ModuleHost> module_; // set once init has succeeded
  std::string config_;                 // outlives init: level 1 modules were never told how long theirs lives
  std::uint16_t number_ = 0;
  call::ServerPark park_;
  std::vector<std::shared_ptr<RunnerLane>> lanes_;
  bool busy_ = false;         // the last turn found requests
  std::uint32_t handled_ = 0; // value of the control word up to which commands have been handled
};

} // namespace ringfleet::runner
