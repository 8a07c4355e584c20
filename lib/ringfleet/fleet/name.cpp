#include "ringfleet/fleet/name.hpp"

#include "ringfleet/base/limits.hpp"
#include "ringfleet/os/runtime_directory.hpp"

#include <fmt/format.h>

namespace ringfleet::fleet {
namespace {

constexpr bool is_letter_or_digit(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

} // namespace

std::string name_problem(std::string_view name) {
  if (name.empty()) {
    return "the name is empty";
  }
  if (name.size() > limits::name_bytes_max) {
    return fmt::format("the name is {} bytes long", name.size());
  }
  for (const char c : name) {
    if (!is_letter_or_digit(c) && c != '_' && c != '-' && c != '.') {
      return c >= ' ' && c <= '~' ? fmt::format("'{}' is not allowed in the name \"{}\"", c, name)
                                  : fmt::format("byte {:#04x} is not allowed in a name", static_cast<unsigned char>(c));
    }
  }
  if (!is_letter_or_digit(name.front())) {
    return fmt::format("the name \"{}\" begins with '{}'", name, name.front());
  }
  return {};
}

std::string fleet_name_problem(std::string_view name) {
  if (name == os::channels_directory) {
    return fmt::format("the name \"{}\" is taken by the counters of channels", name);
  }
  return name_problem(name);
}

} // namespace ringfleet::fleet
