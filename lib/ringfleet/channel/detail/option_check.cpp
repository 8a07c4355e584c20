#include "ringfleet/channel/detail/option_check.hpp"

#include <fmt/format.h>

namespace ringfleet::channel::detail {

void OptionCheck::require_within(std::string_view option, std::uint64_t value, std::uint64_t least, std::uint64_t most,
                                 ErrorCode when_above, const char* advice) const {
  if (value < least || value > most) {
    throw Error(value > most ? when_above : ErrorCode::invalid_argument,
                fmt::format("{}: {} is {}, expected {} to {}", operation_, option, value, least, most), advice);
  }
}

void OptionCheck::require_not_negative(std::string_view option, Nanoseconds value) const {
  if (value < Nanoseconds::zero()) {
    refuse(option, fmt::format("{} ns", value.count()), "expected 0 or more");
  }
}

void OptionCheck::refuse(std::string_view option, std::string_view value, std::string_view why) const {
  throw Error(ErrorCode::invalid_argument, fmt::format("{}: {} is {}, {}", operation_, option, value, why));
}

} // namespace ringfleet::channel::detail
