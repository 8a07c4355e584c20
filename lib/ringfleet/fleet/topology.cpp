#include "ringfleet/fleet/topology.hpp"

#include "ringfleet/base/bits.hpp"
#include "ringfleet/base/units.hpp"
#include "ringfleet/fleet/detail/topology_rules.hpp"
#include "ringfleet/fleet/name.hpp"
#include "ringfleet/fleet/topology_keys.hpp"

#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace ringfleet::fleet {
namespace {

std::string list(std::string_view file, const std::vector<TopologyProblem>& problems) {
  std::string text;
  for (const TopologyProblem& problem : problems) {
    text += fmt::format("{}{}", text.empty() ? "" : "\n", file);
    if (problem.line != 0) {
      text += fmt::format(":{}:{}", problem.line, problem.column);
    }
    text += fmt::format(": {}{}{}", problem.key, problem.key.empty() ? "" : ": ", problem.problem);
    if (!problem.expected.empty()) {
      text += fmt::format(" (expected {})", problem.expected);
    }
  }
  return text;
}

// Throws when there is a problem with the value of a key.
void require(const std::string& owner, std::string_view section, std::string_view key, const std::string& problem) {
  if (!problem.empty()) {
    const TopologyKey* known = find_topology_key(section, key);
    throw Error(ErrorCode::invalid_argument, fmt::format("{}: {}: {}", owner, key, problem),
                known != nullptr ? fmt::format("expected {}", known->expected) : std::string());
  }
}

bool is_json_object(const std::string& text) {
  const auto parsed = nlohmann::json::parse(text, nullptr, false);
  return parsed.is_object();
}

} // namespace

namespace detail {

std::string orphans_problem(std::string_view orphans) {
  if (orphans == "stop") {
    return {};
  }
  return orphans == "serve" ? std::string("\"serve\" is not supported by this version")
                            : fmt::format("\"{}\" is unknown", orphans);
}

std::string timeout_problem(Nanoseconds timeout) {
  return timeout < limits::timeout_min || timeout > limits::timeout_max
             ? fmt::format("{} is out of range", format_duration(timeout))
             : std::string();
}

std::string instances_problem(std::int64_t instances) {
  return instances < 1 || instances > limits::instances_max ? fmt::format("{} is out of range", instances)
                                                            : std::string();
}

std::string ranks_problem(std::int64_t ranks) {
  if (ranks == 1) {
    return {};
  }
  return ranks > 1 ? fmt::format("groups of {} runners are not supported by this version", ranks)
                   : fmt::format("{} is out of range", ranks);
}

std::string slots_problem(std::int64_t slots) {
  if (slots < limits::lane_slots_min || slots > limits::lane_slots_max) {
    return fmt::format("{} is out of range", slots);
  }
  return is_power_of_two(static_cast<std::uint64_t>(slots)) ? std::string()
                                                            : fmt::format("{} is not a power of two", slots);
}

std::string slot_bytes_problem(std::uint64_t slot_bytes) {
  return slot_bytes < limits::slot_bytes_min || slot_bytes > limits::slot_bytes_max
             ? fmt::format("{} is out of range", format_bytes(slot_bytes))
             : std::string();
}

std::string memory_limit_problem(std::uint64_t bytes) {
  return bytes < limits::memory_limit_min || bytes > limits::memory_limit_max
             ? fmt::format("{} is out of range", format_bytes(bytes))
             : std::string();
}

std::string descriptor_limit_problem(std::int64_t descriptors) {
  return descriptors < limits::descriptor_limit_min || descriptors > limits::descriptor_limit_max
             ? fmt::format("{} is out of range", descriptors)
             : std::string();
}

std::string config_problem(std::string_view json) {
  return json.size() > limits::config_bytes_max ? fmt::format("{} of JSON are more than {}", format_bytes(json.size()),
                                                              format_bytes(limits::config_bytes_max))
                                                : std::string();
}

std::optional<call::WaitMode> wait_mode(std::string_view text) noexcept {
  for (const call::WaitMode mode : {call::WaitMode::park, call::WaitMode::spin}) {
    if (to_string(mode) == text) {
      return mode;
    }
  }
  return std::nullopt;
}

} // namespace detail

TopologyError::TopologyError(std::string_view file, std::vector<TopologyProblem> problems)
    : Error(ErrorCode::bad_topology, list(file, problems)), problems_(std::move(problems)) {}

void check(const FleetSpec& fleet) {
  const std::string owner = "fleet";
  if (!fleet.name.empty()) {
    require(owner, "fleet", "name", fleet_name_problem(fleet.name));
  }
  require(owner, "fleet", "orphans", detail::orphans_problem(fleet.orphans));
  require(owner, "fleet", "drain_timeout", detail::timeout_problem(fleet.drain_timeout));
  require(owner, "fleet", "stop_timeout", detail::timeout_problem(fleet.stop_timeout));
}

void check(const ModuleSpec& module) {
  require("module", "module", "id", name_problem(module.id));
  const std::string owner = fmt::format("module '{}'", module.id);
  require(owner, "module", "path", module.path.empty() ? "the path is empty" : "");
  require(owner, "module", "instances", detail::instances_problem(module.instances));
  require(owner, "module", "ranks", detail::ranks_problem(module.ranks));
  require(owner, "module", "config", detail::config_problem(module.config));
  require(owner, "module", "config", is_json_object(module.config) ? "" : "not a JSON object");
  require(owner, "module", "call_timeout", detail::timeout_problem(module.call_timeout));
  require(owner, "module", "start_timeout", detail::timeout_problem(module.start_timeout));
  require(owner, "module", "drain_timeout", detail::timeout_problem(module.drain_timeout));
  require(owner, "module", "slots", detail::slots_problem(module.slots));
  require(owner, "module", "slot_bytes", detail::slot_bytes_problem(module.slot_bytes));
  if (module.memory_limit_bytes != 0) {
    require(owner, "module", "memory_limit", detail::memory_limit_problem(module.memory_limit_bytes));
  }
  if (module.descriptor_limit != 0) {
    require(owner, "module", "descriptor_limit", detail::descriptor_limit_problem(module.descriptor_limit));
  }
}

void check(const Topology& topology) {
  check(topology.fleet);
  if (topology.modules.size() > limits::modules_max) {
    throw Error(ErrorCode::limit_reached,
                fmt::format("{} modules are more than {}", topology.modules.size(), limits::modules_max));
  }
  std::set<std::string_view> ids;
  std::uint64_t runners = 0;
  for (const ModuleSpec& module : topology.modules) {
    check(module);
    runners += module.instances;
    if (!ids.insert(module.id).second) {
      throw Error(ErrorCode::already_exists, fmt::format("two modules have the id '{}'", module.id),
                  "give each its own");
    }
  }
  if (runners > limits::runners_max) {
    throw Error(ErrorCode::limit_reached,
                fmt::format("{} runners in all are more than {}", runners, limits::runners_max), "use fewer instances");
  }
}

} // namespace ringfleet::fleet
