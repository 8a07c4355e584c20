#pragma once

// The exit codes of `ringfleet`: one table for main, --help, docs/cli.md and the tests. A program that runs the CLI can
// tell by them what to do next.

#include "ringfleet/base/error.hpp"
#include "ringfleet/call/status.hpp"

#include <array>
#include <stdexcept>
#include <string>
#include <string_view>

namespace ringfleet::cli {

enum class ExitCode : int {
  ok = 0,
  failed = 1,
  usage = 2,
  not_running = 3,
  timed_out = 4,
  unknown = 5,
  name_taken = 6,
  other_version = 7,
  module_error = 8,
  runner_died = 9,
};

struct ExitCodeText {
  ExitCode code;
  std::string_view text;
};

inline constexpr std::array exit_code_texts{
    ExitCodeText{ExitCode::ok, "success"},
    ExitCodeText{ExitCode::failed, "the operation failed; the fleet is as it was"},
    ExitCodeText{ExitCode::usage, "wrong usage or bad input: an option, a file, a topology"},
    ExitCodeText{ExitCode::not_running, "no such fleet runs, or several do and --fleet is missing"},
    ExitCodeText{ExitCode::timed_out, "timed out: a deadline passed"},
    ExitCodeText{ExitCode::unknown, "unknown module or method"},
    ExitCodeText{ExitCode::name_taken, "a fleet of this name runs already"},
    ExitCodeText{ExitCode::other_version, "the fleet runs another version of ringfleet"},
    ExitCodeText{ExitCode::module_error, "the module answered with an error"},
    ExitCodeText{ExitCode::runner_died, "the runner died, or none is alive to take the call"},
};

// A failure that knows its exit code. `what()` is the line for the user (where several things are wrong with a file, a
// line each), without the leading program name.
class Failure : public std::runtime_error {
public:
  // With `-o json`: has the command printed its object already, and does that say what is wrong?
  enum class InJson : bool { no, yes };

  Failure(ExitCode code, const std::string& text, InJson in_json = InJson::no)
      : std::runtime_error(text), code_(code), in_json_(in_json) {}
  [[nodiscard]] ExitCode code() const noexcept { return code_; }
  [[nodiscard]] InJson in_json() const noexcept { return in_json_; }

private:
  ExitCode code_;
  InJson in_json_;
};

[[nodiscard]] constexpr ExitCode exit_code_of(ErrorCode code) noexcept {
  switch (code) {
  case ErrorCode::invalid_argument:
  case ErrorCode::bad_topology: return ExitCode::usage;
  case ErrorCode::not_found: return ExitCode::unknown;
  case ErrorCode::already_exists: return ExitCode::name_taken;
  case ErrorCode::version_mismatch: return ExitCode::other_version;
  case ErrorCode::timed_out: return ExitCode::timed_out;
  case ErrorCode::peer_died:
  case ErrorCode::wrong_state:
  case ErrorCode::no_permission:
  case ErrorCode::no_memory:
  case ErrorCode::no_descriptors:
  case ErrorCode::limit_reached:
  case ErrorCode::bad_segment:
  case ErrorCode::bad_module:
  case ErrorCode::bad_message:
  case ErrorCode::runner_failed:
  case ErrorCode::system: return ExitCode::failed;
  }
  return ExitCode::failed;
}

[[nodiscard]] constexpr ExitCode exit_code_of(CallStatus status) noexcept {
  switch (status) {
  case CallStatus::ok: return ExitCode::ok;
  case CallStatus::unknown_method:
  case CallStatus::unknown_module: return ExitCode::unknown;
  case CallStatus::deadline_exceeded: return ExitCode::timed_out;
  case CallStatus::module_error:
  case CallStatus::module_exception: return ExitCode::module_error;
  case CallStatus::runner_lost:
  case CallStatus::no_runner:
  case CallStatus::bad_reply: // its runner is ended
  case CallStatus::shut_down: return ExitCode::runner_died;
  case CallStatus::too_large: return ExitCode::usage;
  case CallStatus::cancelled:
  case CallStatus::lane_full:
  case CallStatus::no_space:
  case CallStatus::call_cycle:
  case CallStatus::call_too_deep: return ExitCode::failed;
  }
  return ExitCode::failed;
}

} // namespace ringfleet::cli
