#include "ringfleet/fleet/detail/runner.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/base/limits.hpp"
#include "ringfleet/counter/counter_writer.hpp"

#include <csignal>
#include <cstdlib>

#include <fmt/format.h>
#include <unistd.h>

namespace ringfleet::fleet {
namespace {

constexpr int control_descriptor = 3; // where ringfleet-runner expects its channel

std::vector<std::string> environment_with_library_path(const std::string& directory) {
  std::vector<std::string> environment;
  std::string library_path = directory;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text(*variable);
    if (text.starts_with("LD_LIBRARY_PATH=")) {
      library_path += fmt::format(":{}", text.substr(text.find('=') + 1));
    } else {
      environment.emplace_back(text);
    }
  }
  environment.push_back("LD_LIBRARY_PATH=" + library_path);
  return environment;
}

} // namespace

std::string_view to_string(RunnerState state) noexcept {
  switch (state) {
  case RunnerState::starting: return "starting";
  case RunnerState::ready: return "ready";
  case RunnerState::draining: return "draining";
  case RunnerState::stopping: return "stopping";
  case RunnerState::dead: return "dead";
  }
  return "unknown";
}

Runner::Runner(RunnerSpec spec, EventLoop& loop, RunnerObserver& observer)
    : spec_(std::move(spec)), loop_(loop), observer_(observer),
      output_(loop, [this](std::string_view line) { observer_.on_line(*this, LogStream::output, line); }),
      errors_(loop, [this](std::string_view line) { observer_.on_line(*this, LogStream::error, line); }),
      started_at_(monotonic_now()) {
  deadline_.set(started_at_, spec_.start_timeout);
  auto [ours, theirs] = os::Socket::pair();
  const os::Descriptor output_of_child = output_.take_runner_end();
  const os::Descriptor errors_of_child = errors_.take_runner_end();
  os::SpawnRequest request;
  request.path = spec_.program;
  request.argv = {spec_.program, spec_.module, std::to_string(spec_.serial)};
  request.env = environment_with_library_path(spec_.artifact->directory());
  request.descriptors = {{output_of_child.get(), STDOUT_FILENO},
                         {errors_of_child.get(), STDERR_FILENO},
                         {theirs.fd(), control_descriptor}};
  child_ = os::ChildProcess(request);
  channel_ = call::ControlChannel(std::move(ours));

  try {
    channel_token_ = loop_.watch(channel_.fd(), [this] { read_channel(); });
    death_token_ = loop_.watch(child_.pidfd().get(), [this] { process_died(); });
    send_module();
  } catch (...) {
    let_go(); // there is no destructor for what was never whole; the child ends with its handle
    throw;
  }
}

Runner::~Runner() {
  let_go();
}

void Runner::let_go() noexcept {
  loop_.unwatch(channel_token_, channel_.fd());
  loop_.unwatch(death_token_, child_.pidfd().get());
  if (!spec_.counter_path.empty()) {
    unlink(spec_.counter_path.c_str());
  }
}

void Runner::send_module() {
  call::ControlMessage load;
  load.type = call::ControlType::load;
  load.text = call::encode(call::LoadRequest{.module = spec_.module,
                                             .number = spec_.number,
                                             .name = spec_.artifact->path(),
                                             .config = spec_.config,
                                             .directory = spec_.artifact->directory(),
                                             .memory_limit_bytes = spec_.memory_limit_bytes,
                                             .descriptor_limit = spec_.descriptor_limit});
  std::vector<int> descriptors{spec_.artifact->descriptor()};
  os::Descriptor counters;
  if (!spec_.counter_path.empty()) {
    counters = counter::create_counter_file(
        spec_.counter_path, {spec_.fleet_name, "runner", spec_.module, spec_.serial}, counter::own_counters);
    descriptors.push_back(counters.get());
  }
  send(load, descriptors);
  send({call::ControlType::probe});
}

void Runner::send(const call::ControlMessage& message, std::span<const int> descriptors) {
  if (state_ == RunnerState::dead) {
    return;
  }
  try {
    switch (channel_.send(message, descriptors, 0)) {
    case os::SocketStatus::ok:
    case os::SocketStatus::closed: return; // closed: it is dying, its pidfd will tell
    case os::SocketStatus::would_block:
      end_by_force(fmt::format("killed: it did not read its control messages ({})", to_string(message.type)));
      return;
    }
  } catch (const Error& error) {
    // It would wait for ever for what it was not told.
    end_by_force(fmt::format("killed: it could not be told '{}': {}", to_string(message.type), error.what()));
  }
}

void Runner::read_channel() {
  for (;;) {
    call::ControlMessage message;
    try {
      switch (channel_.receive(message)) {
      case os::SocketStatus::ok: break;
      case os::SocketStatus::would_block: return;
      case os::SocketStatus::closed:
        loop_.unwatch(channel_token_, channel_.fd());
        // A runner lives as long as its channel; one that closes it and stays is ended.
        if (state_ != RunnerState::dead && state_ != RunnerState::stopping) {
          child_.signal(SIGKILL);
        }
        return;
      }
      handle(message);
    } catch (const Error& error) {
      end_by_force(fmt::format("killed: it sent a bad control message: {}", error.what()));
      return;
    }
    if (state_ == RunnerState::dead) {
      return;
    }
  }
}

void Runner::handle(call::ControlMessage& message) {
  switch (message.type) {
  case call::ControlType::loaded:
    facts_ = call::decode_module_description(message.text);
    facts_text_ = std::move(message.text);
    return;
  case call::ControlType::failed:
    failure_ = std::move(message.text);
    end_by_force("killed: its module could not be started");
    return;
  case call::ControlType::probed:
    if (state_ != RunnerState::starting || !failure_.empty()) {
      return;
    }
    if (message.a != 0) {
      failure_ = fmt::format("its health check failed: {}", message.text);
      end_by_force(failure_);
      return;
    }
    state_ = RunnerState::ready;
    ready_at_ = monotonic_now();
    deadline_.clear();
    observer_.on_ready(*this);
    return;
  case call::ControlType::drained:
    if (state_ != RunnerState::draining) {
      return;
    }
    executed_ = message.a;
    drained_ = true;
    deadline_.clear();
    observer_.on_drained(*this);
    return;
  case call::ControlType::log: observer_.on_line(*this, LogStream::error, message.text); return;
  case call::ControlType::violation:
    observer_.on_line(*this, LogStream::error, fmt::format("refused a request: {}", message.text));
    return;
  default: observer_.on_message(*this, message); return;
  }
}

void Runner::drain(Nanoseconds timeout) {
  if (state_ != RunnerState::ready) {
    return;
  }
  state_ = RunnerState::draining;
  const MonotonicNs now = monotonic_now();
  deadline_.set(now, timeout);
  send({call::ControlType::drain, deadline_after(now, timeout)});
}

void Runner::stop() {
  if (state_ == RunnerState::dead || state_ == RunnerState::stopping) {
    return;
  }
  state_ = RunnerState::stopping;
  deadline_.set(monotonic_now(), spec_.stop_timeout);
  send({call::ControlType::stop});
}

void Runner::end_by_force(std::string reason) {
  if (state_ == RunnerState::dead) {
    return;
  }
  if (cause_.empty()) {
    cause_ = std::move(reason);
  }
  state_ = RunnerState::stopping;
  deadline_.clear();
  child_.signal(SIGKILL);
}

void Runner::check_stopped(MonotonicNs own_time, Nanoseconds patience) {
  if (state_ == RunnerState::dead || !child_.is_stopped()) {
    stopped_since_.reset();
    return;
  }
  if (!stopped_since_) {
    stopped_since_ = own_time;
  } else if (own_time >= deadline_after(*stopped_since_, patience)) {
    end_by_force("killed: stopped for longer than a call may take");
  }
}

void Runner::on_time(MonotonicNs now) {
  if (!deadline_.has_passed(now)) {
    return;
  }
  deadline_.clear();
  switch (state_) {
  case RunnerState::starting:
    failure_ = "it was not ready within its start_timeout: its constructors or its init do not return";
    end_by_force("killed: not ready within start_timeout");
    return;
  case RunnerState::draining: end_by_force("killed at the drain deadline while its call was still running"); return;
  case RunnerState::stopping:
    if (force_step_++ == 0) {
      child_.signal(SIGTERM);
      deadline_.set(now, spec_.stop_timeout);
    } else {
      end_by_force("killed: its shutdown did not return");
    }
    return;
  case RunnerState::ready:
  case RunnerState::dead: return;
  }
}

void Runner::process_died() {
  const auto status = child_.try_reap();
  if (!status) {
    return;
  }
  const bool told_to_stop = state_ == RunnerState::stopping && cause_.empty();
  loop_.unwatch(death_token_, child_.pidfd().get());
  // What it said last is still in the socket and the pipes.
  read_channel();
  output_.finish();
  errors_.finish();
  loop_.unwatch(channel_token_, channel_.fd());
  orderly_ = told_to_stop && !status->signalled && status->code == 0;
  if (cause_.empty()) {
    cause_ = status->to_string();
  }
  state_ = RunnerState::dead;
  deadline_.clear();
  observer_.on_gone(*this);
}

} // namespace ringfleet::fleet
