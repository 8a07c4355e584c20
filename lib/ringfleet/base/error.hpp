#pragma once

// Errors of set-up and control: one exception type that says what failed, on which object, why, and what to do about
// it. The data path does not throw; it answers with enums (see `call/status.hpp`).
//
// Borrowed idea: Agrona's error stack, where each level on the way up adds its context.

#include <cstdint>
#include <exception>
#include <string>
#include <string_view>

namespace ringfleet {

enum class ErrorCode : std::uint32_t {
  invalid_argument, // the caller's value; nothing was changed
  not_found,        // a file, module, method, fleet or name that does not exist
  already_exists,   // a name that is taken
  wrong_state,      // the operation does not fit the state of the object
  no_permission,
  no_memory,      // memory, shared memory or disk space
  no_descriptors, // EMFILE, ENFILE, or a message whose descriptors did not fit
  limit_reached,  // one of ringfleet::limits
  bad_segment,    // a segment that fails the attach checks
  bad_module,     // a module file that cannot be loaded or violates the ABI
  bad_topology,   // a topology file with an error
  bad_message,    // a control message that cannot be understood
  version_mismatch,
  timed_out,
  peer_died,
  runner_failed, // a runner that died or refused during start or deploy
  system,        // any other system call; see errno
};

[[nodiscard]] std::string_view to_string(ErrorCode code) noexcept;

// A copy shares nothing with its original, so an Error may be handed from thread to thread by value.
class Error : public std::exception {
public:
  // `what`: the failed operation and its object, e.g. "open topology file 'x.toml'". `advice`: what the user can do;
  // may be empty.
  Error(ErrorCode code, std::string what, std::string advice = {}, int errno_value = 0);

  // Text of errno appended to `what`; the code derived from errno (ENOSPC → no_memory, EMFILE → no_descriptors, …).
  // Without `advice`, where permission, memory, space or descriptors are missing, the usual one.
  [[nodiscard]] static Error from_errno(std::string what, int errno_value, std::string advice = {});

  [[nodiscard]] const char* what() const noexcept override { return text_.c_str(); }
  [[nodiscard]] ErrorCode code() const noexcept { return code_; }
  [[nodiscard]] int errno_value() const noexcept { return errno_; }
  [[nodiscard]] const std::string& operation() const noexcept { return what_; }
  [[nodiscard]] const std::string& advice() const noexcept { return advice_; }

  // A copy whose text begins with "context: ". Use it on the way up: catch (const Error& e) { throw e.in("load module
  // 'x'"); }
  [[nodiscard]] Error in(std::string_view context) const;

private:
  ErrorCode code_;
  int errno_;
  std::string what_;
  std::string advice_;
  std::string text_; // of both
};

} // namespace ringfleet
