#include "ringfleet/base/error.hpp"

#include <cerrno>
#include <utility>

#include <fmt/format.h>

#include <system_error>

namespace ringfleet {
namespace {

std::string full_text(const std::string& what, const std::string& advice) {
  return advice.empty() ? what : fmt::format("{} ({})", what, advice);
}

ErrorCode code_of(int errno_value) noexcept {
  switch (errno_value) {
  case ENOENT:
  case ESRCH: return ErrorCode::not_found;
  case EEXIST: return ErrorCode::already_exists;
  case EACCES:
  case EPERM: return ErrorCode::no_permission;
  case ENOMEM:
  case ENOSPC:
  case EDQUOT: return ErrorCode::no_memory;
  case EMFILE:
  case ENFILE: return ErrorCode::no_descriptors;
  case ETIMEDOUT: return ErrorCode::timed_out;
  case EPIPE:
  case ECONNRESET: return ErrorCode::peer_died;
  default: return ErrorCode::system;
  }
}

// What helps wherever the kernel says this; a call site that knows better says so itself.
const char* usual_advice(int errno_value) noexcept {
  switch (errno_value) {
  case EACCES:
  case EPERM: return "check the owner and mode of what is named, and what this user may do";
  case ENOMEM: return "free some memory, or raise the limits on it (ulimit -v, the container's)";
  case ENOSPC:
  case EDQUOT: return "free some space there";
  case EMFILE: return "raise the limit on open files (ulimit -n)";
  case ENFILE: return "raise fs.file-max: the whole machine has no descriptor left";
  default: return "";
  }
}

} // namespace

std::string_view to_string(ErrorCode code) noexcept {
  switch (code) {
  case ErrorCode::invalid_argument: return "invalid_argument";
  case ErrorCode::not_found: return "not_found";
  case ErrorCode::already_exists: return "already_exists";
  case ErrorCode::wrong_state: return "wrong_state";
  case ErrorCode::no_permission: return "no_permission";
  case ErrorCode::no_memory: return "no_memory";
  case ErrorCode::no_descriptors: return "no_descriptors";
  case ErrorCode::limit_reached: return "limit_reached";
  case ErrorCode::bad_segment: return "bad_segment";
  case ErrorCode::bad_module: return "bad_module";
  case ErrorCode::bad_topology: return "bad_topology";
  case ErrorCode::bad_message: return "bad_message";
  case ErrorCode::version_mismatch: return "version_mismatch";
  case ErrorCode::timed_out: return "timed_out";
  case ErrorCode::peer_died: return "peer_died";
  case ErrorCode::runner_failed: return "runner_failed";
  case ErrorCode::system: return "system";
  }
  return "unknown";
}

Error::Error(ErrorCode code, std::string what, std::string advice, int errno_value)
    : code_(code), errno_(errno_value), what_(std::move(what)), advice_(std::move(advice)),
      text_(full_text(what_, advice_)) {}

Error Error::from_errno(std::string what, int errno_value, std::string advice) {
  return Error(code_of(errno_value), fmt::format("{}: {}", what, std::generic_category().message(errno_value)),
               advice.empty() ? usual_advice(errno_value) : std::move(advice), errno_value);
}

Error Error::in(std::string_view context) const {
  return Error(code_, fmt::format("{}: {}", context, what_), advice_, errno_);
}

} // namespace ringfleet
