#pragma once

// Where the build has put what a soak starts: the macros come from meson.build.

#include <string>
#include <string_view>

namespace ringfleet::soak {

[[nodiscard]] inline std::string shipped_module(std::string_view name) {
  return std::string(SHIPPED_MODULES) + "/" + std::string(name) + ".so";
}
[[nodiscard]] inline std::string broken_module(std::string_view name) {
  return std::string(TEST_MODULES) + "/" + std::string(name) + ".so";
}
[[nodiscard]] inline std::string teller_module(unsigned version) {
  return std::string(SOAK_MODULES) + "/teller_v" + std::to_string(version) + ".so";
}
inline constexpr std::string_view runner_program = RUNNER_PROGRAM;
inline constexpr std::string_view stat_program = STAT_PROGRAM;

} // namespace ringfleet::soak
