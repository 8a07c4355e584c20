#pragma once

// Deploys that somebody dies in, under load. The victim is a process that holds a fleet of one module, reloads it, and
// reloads it once more; the survivor is a client of it, which calls all the time and keeps a ledger.

#include "operation.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <string>

namespace ringfleet::test {

// Played by a process of its own (`operations play`): prepare, act, check.
//   deploy            a reload
//   deploy-rollback   a reload to a file whose module cannot be started
//   deploy-flip       a reload; its window begins and ends with SIGURG: see flip_window.hpp
[[nodiscard]] std::map<std::string, MakeOperation> deploy_operations();

// What the survivor counted.
using Tally = std::map<std::string, std::uint64_t>;

// `start` starts the victim, `end` waits until nobody of it is left. Throws std::runtime_error when a call was not
// answered, executed twice, or failed without a name; when the next fleet of the name does not start, answer or reload.
[[nodiscard]] Tally outlive_deploy(const Surroundings& here, const std::function<void()>& start,
                                   const std::function<void()>& end);

} // namespace ringfleet::test
