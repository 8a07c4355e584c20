#pragma once

// The rules for single values of a topology, shared by the parser of the file and the check of values that a program
// filled in. Each answers with what is wrong, or with nothing.

#include "ringfleet/base/clock.hpp"
#include "ringfleet/call/wait_mode.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ringfleet::fleet::detail {

[[nodiscard]] std::string orphans_problem(std::string_view orphans);
[[nodiscard]] std::string timeout_problem(Nanoseconds timeout);
[[nodiscard]] std::string instances_problem(std::int64_t instances);
[[nodiscard]] std::string ranks_problem(std::int64_t ranks);
[[nodiscard]] std::string slots_problem(std::int64_t slots);
[[nodiscard]] std::string slot_bytes_problem(std::uint64_t slot_bytes);
[[nodiscard]] std::string memory_limit_problem(std::uint64_t bytes);
[[nodiscard]] std::string descriptor_limit_problem(std::int64_t descriptors);
[[nodiscard]] std::string config_problem(std::string_view json); // its size; the text is JSON already
[[nodiscard]] std::optional<call::WaitMode> wait_mode(std::string_view text) noexcept;

} // namespace ringfleet::fleet::detail
