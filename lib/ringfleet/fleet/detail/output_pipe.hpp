#pragma once

// The scheduler's end of a runner's stdout or stderr: a pipe that is read as it fills and handed on line by line. The
// runner's end blocks, so nothing a module prints is lost; what it may say while the scheduler does not read is bounded
// by the pipe. Loop thread only.

#include "ringfleet/fleet/detail/event_loop.hpp"
#include "ringfleet/os/descriptor.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace ringfleet::fleet {

class OutputPipe {
public:
  using OnLine = std::function<void(std::string_view line)>;

  // Throws Error(no_descriptors and the like). A line longer than 4 KiB may arrive in parts.
  OutputPipe(EventLoop& loop, OnLine on_line);
  ~OutputPipe();
  OutputPipe(const OutputPipe&) = delete;
  OutputPipe& operator=(const OutputPipe&) = delete;

  // For the runner; the caller lets go of it once the runner has its copy.
  [[nodiscard]] os::Descriptor take_runner_end() noexcept { return std::move(runner_end_); }
  // The runner is dead: hands on what it said last, a line without an end too, and stops listening. Whoever inherited
  // the runner's end and still writes is not heard any more.
  void finish();

private:
  void read_some(int reads_max);
  void hand_on_lines();

  EventLoop& loop_;
  OnLine on_line_;
  os::Descriptor runner_end_;
  os::Descriptor ours_;
  EventLoop::Token token_ = 0;
  std::string partial_;
};

} // namespace ringfleet::fleet
