#pragma once

// How an option that cannot be is refused: the text names it, its value, and what it may be.

#include "ringfleet/base/clock.hpp"
#include "ringfleet/base/error.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace ringfleet::channel::detail {

// Each verb throws Error.
class OptionCheck {
public:
  // `operation`: what was to be done, on which object.
  explicit OptionCheck(std::string operation) : operation_(std::move(operation)) {}

  // Below `least`: invalid_argument.
  void require_within(std::string_view option, std::uint64_t value, std::uint64_t least, std::uint64_t most,
                      ErrorCode when_above = ErrorCode::limit_reached, const char* advice = "") const;
  void require_not_negative(std::string_view option, Nanoseconds value) const;
  [[noreturn]] void refuse(std::string_view option, std::string_view value, std::string_view why) const;

private:
  std::string operation_;
};

} // namespace ringfleet::channel::detail
