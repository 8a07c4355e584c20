#pragma once

// A module that cannot be loaded: which of the named ways, the module's own code where there is one, and a line of
// text.

#include "ringfleet/call/handshake.hpp"

#include <stdexcept>
#include <string>

namespace ringfleet::runner {

class LoadError : public std::runtime_error {
public:
  LoadError(call::LoadFailure failure, const std::string& text, int module_code = 0)
      : std::runtime_error(text), failure_(failure), module_code_(module_code) {}

  [[nodiscard]] call::LoadFailure failure() const noexcept { return failure_; }
  [[nodiscard]] int module_code() const noexcept { return module_code_; }

private:
  call::LoadFailure failure_;
  int module_code_;
};

} // namespace ringfleet::runner
