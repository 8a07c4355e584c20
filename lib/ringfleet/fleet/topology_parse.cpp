#include "ringfleet/base/units.hpp"
#include "ringfleet/fleet/detail/topology_rules.hpp"
#include "ringfleet/fleet/module_reference.hpp"
#include "ringfleet/fleet/name.hpp"
#include "ringfleet/fleet/topology.hpp"
#include "ringfleet/fleet/topology_keys.hpp"
#include "ringfleet/os/file.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <tuple>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

// A text like "[.]" runs toml++ 3.3 into an assertion; without assertions it is undefined behaviour there, because the
// same conditions are promises to the optimiser then. So its assertions are on in every build, and throw. This may go
// when the oldest toml++ we accept refuses such a text by itself (topology_test has it).
namespace {
struct TomlAssertion {};
[[noreturn]] void toml_assertion_failed() {
  throw TomlAssertion();
} // a function: most assertions are in noexcept ones
} // namespace
#undef NDEBUG
#define TOML_ASSERT(condition) ((condition) ? void(0) : toml_assertion_failed())
#include <toml++/toml.h>

namespace ringfleet::fleet {
namespace {

std::string describe(const toml::node& node) {
  if (const auto* text = node.as_string()) {
    return fmt::format("\"{}\" is a string", text->get());
  }
  if (const auto* integer = node.as_integer()) {
    return fmt::format("{} is an integer", integer->get());
  }
  if (const auto* number = node.as_floating_point()) {
    return fmt::format("{} is a floating-point number", number->get());
  }
  if (const auto* truth = node.as_boolean()) {
    return fmt::format("{} is a boolean", truth->get());
  }
  return node.is_table() ? "this is a table" : node.is_array() ? "this is an array" : "this is a date or time";
}

class Parser {
public:
  explicit Parser(const std::string& file) : file_(file) {
    topology_.directory = std::filesystem::path(file).parent_path().string();
  }

  Topology run(std::string_view text) {
    try {
      const toml::table root = toml::parse(text, file_);
      read_root(root);
    } catch (const toml::parse_error& error) {
      add(error.source(), "", std::string(error.description()), "");
    } catch (const TomlAssertion&) {
      problems_.push_back(
          {0, 0, "", "this is not TOML", "keys that begin with a letter, a digit, '_', '-' or a quote"});
    }
    if (!problems_.empty()) {
      std::ranges::sort(problems_, {}, [](const TopologyProblem& problem) {
        return std::tie(problem.line, problem.column, problem.key, problem.problem);
      });
      throw TopologyError(file_, std::move(problems_));
    }
    return std::move(topology_);
  }

private:
  void add(const toml::source_region& where, std::string key, std::string problem, std::string_view expected) {
    problems_.push_back(
        {where.begin.line, where.begin.column, std::move(key), std::move(problem), std::string(expected)});
  }

  void read_root(const toml::table& root) {
    for (const auto& [key, node] : root) {
      if (key.str() != "fleet" && key.str() != "module") {
        const std::string_view meant = key.str().starts_with("fl")    ? "[fleet]"
                                       : key.str().starts_with("mod") ? "[[module]]"
                                                                      : "";
        unknown(key, std::string(key.str()), meant, "[fleet] or [[module]]");
      }
    }
    if (const toml::node* fleet = root.get("fleet")) {
      if (const toml::table* table = fleet->as_table()) {
        read_section(*table, "fleet", [this](const auto& key, const auto& node) { read_fleet(key, node); });
      } else {
        add(fleet->source(), "fleet", describe(*fleet), "the table [fleet]");
      }
    }
    const toml::node* modules = root.get("module");
    const toml::array* array = modules != nullptr ? modules->as_array() : nullptr;
    if (modules == nullptr || (array != nullptr && array->empty())) {
      add(root.source(), "module", "there is no module", "at least one [[module]]");
    } else if (array == nullptr) {
      add(modules->source(), "module", describe(*modules), "[[module]], in double brackets");
    } else {
      for (const toml::node& node : *array) {
        read_module(node);
      }
      check_totals(modules->source());
    }
  }

  void read_module(const toml::node& node) {
    const toml::table* table = node.as_table();
    if (table == nullptr) {
      add(node.source(), "module", describe(node), "[[module]] and its keys");
      return;
    }
    ModuleSpec module;
    module.drain_timeout = topology_.fleet.drain_timeout;
    read_section(*table, "module",
                 [this, &module](const auto& key, const auto& value) { read_module_key(key, value, module); });
    topology_.modules.push_back(std::move(module));
  }

  template <typename ReadKey>
  void read_section(const toml::table& table, std::string_view section, ReadKey read_key) {
    for (const auto& [name, node] : table) {
      if (const TopologyKey* key = find_topology_key(section, name.str())) {
        read_key(*key, node);
      } else {
        unknown(name, fmt::format("{}.{}", section, name.str()), nearest_topology_key(section, name.str()),
                known_keys(section));
      }
    }
    for (const TopologyKey& key : topology_keys()) {
      if (key.section == section && key.required && !table.contains(key.name)) {
        add(table.source(), path_of(key), "the key is missing", key.expected);
      }
    }
  }

  void unknown(const toml::key& name, std::string key, std::string_view meant, std::string_view known) {
    add(name.source(), std::move(key),
        meant.empty() ? std::string("unknown key") : fmt::format("unknown key, did you mean {}?", meant), known);
  }

  void read_fleet(const TopologyKey& key, const toml::node& node) {
    FleetSpec& fleet = topology_.fleet;
    if (key.name == "name") {
      if (const auto text = text_of(key, node); text && accept(key, node, fleet_name_problem(*text))) {
        fleet.name = *text;
      }
    } else if (key.name == "orphans") {
      if (const auto text = text_of(key, node); text && accept(key, node, detail::orphans_problem(*text))) {
        fleet.orphans = *text;
      }
    } else {
      read_timeout(key, node, key.name == "drain_timeout" ? fleet.drain_timeout : fleet.stop_timeout);
    }
  }

  void read_module_key(const TopologyKey& key, const toml::node& node, ModuleSpec& module) {
    if (key.name == "id") {
      read_id(key, node, module);
    } else if (key.name == "path") {
      read_path(key, node, module);
    } else if (key.name == "instances") {
      if (node.is_table()) {
        accept(key, node, "pools with min and max are not supported by this version");
      } else if (const auto value = integer_of(key, node);
                 value && accept(key, node, detail::instances_problem(*value))) {
        module.instances = static_cast<std::uint32_t>(*value);
      }
    } else if (key.name == "ranks") {
      if (const auto value = integer_of(key, node); value && accept(key, node, detail::ranks_problem(*value))) {
        module.ranks = static_cast<std::uint32_t>(*value);
      }
    } else if (key.name == "config") {
      read_config(key, node, module);
    } else if (key.name == "slots") {
      if (const auto value = integer_of(key, node); value && accept(key, node, detail::slots_problem(*value))) {
        module.slots = static_cast<std::uint32_t>(*value);
      }
    } else if (key.name == "slot_bytes") {
      if (const auto value = with_unit(key, node, &parse_bytes);
          value && accept(key, node, detail::slot_bytes_problem(*value))) {
        module.slot_bytes = static_cast<std::uint32_t>(*value);
      }
    } else if (key.name == "wait") {
      if (const auto text = text_of(key, node)) {
        const auto mode = detail::wait_mode(*text);
        accept(key, node, mode ? "" : fmt::format("\"{}\" is unknown", *text));
        module.wait = mode.value_or(module.wait);
      }
    } else {
      read_timeout(key, node,
                   key.name == "call_timeout"    ? module.call_timeout
                   : key.name == "start_timeout" ? module.start_timeout
                                                 : module.drain_timeout);
    }
  }

  void read_id(const TopologyKey& key, const toml::node& node, ModuleSpec& module) {
    const auto text = text_of(key, node);
    if (!text || !accept(key, node, name_problem(*text))) {
      return;
    }
    const auto [first, is_new] = lines_by_id_.emplace(*text, node.source().begin.line);
    if (!is_new) {
      add(node.source(), path_of(key),
          fmt::format("the id \"{}\" is taken by the module in line {}", *text, first->second),
          "an id of its own for each module");
    }
    module.id = *text;
  }

  void read_path(const TopologyKey& key, const toml::node& node, ModuleSpec& module) {
    const auto text = text_of(key, node);
    if (!text) {
      return;
    }
    if (is_hash_reference(*text)) {
      accept(key, node, hash_reference_problem(*text));
      module.path = *text;
      return;
    }
    try {
      module.path = resolve_module_reference(*text, ModuleSearch::from_environment(topology_.directory));
      accept(key, node,
             std::filesystem::is_directory(module.path) ? fmt::format("'{}' is a directory", module.path) : "");
    } catch (const Error& error) {
      accept(key, node, error.operation());
    } catch (const std::filesystem::filesystem_error& error) {
      accept(key, node, error.code().message());
    }
  }

  void read_config(const TopologyKey& key, const toml::node& node, ModuleSpec& module) {
    if (!node.is_table()) {
      accept(key, node, describe(node));
      return;
    }
    const std::string json = to_json(node, path_of(key), 0).dump();
    if (accept(key, node, detail::config_problem(json))) {
      module.config = json;
    }
  }

  nlohmann::json to_json(const toml::node& node, const std::string& path, int depth) {
    constexpr int depth_max = 64;
    if (depth > depth_max) {
      add(node.source(), path.substr(0, 60) + "…", "nested too deeply", "at most 64 levels");
      return nullptr;
    }
    if (const toml::table* table = node.as_table()) {
      nlohmann::json object = nlohmann::json::object();
      for (const auto& [key, value] : *table) {
        object[std::string(key.str())] = to_json(value, fmt::format("{}.{}", path, key.str()), depth + 1);
      }
      return object;
    }
    if (const toml::array* array = node.as_array()) {
      nlohmann::json list = nlohmann::json::array();
      for (const toml::node& value : *array) {
        list.push_back(to_json(value, fmt::format("{}[{}]", path, list.size()), depth + 1));
      }
      return list;
    }
    if (const auto* text = node.as_string()) {
      return text->get();
    }
    if (const auto* integer = node.as_integer()) {
      return integer->get();
    }
    if (const auto* truth = node.as_boolean()) {
      return truth->get();
    }
    if (const auto* number = node.as_floating_point(); number != nullptr && std::isfinite(number->get())) {
      return number->get();
    }
    add(node.source(), path, fmt::format("{}, which JSON cannot say", describe(node)),
        "a string, number, boolean, array or table");
    return nullptr;
  }

  void read_timeout(const TopologyKey& key, const toml::node& node, Nanoseconds& timeout) {
    if (const auto value = with_unit(key, node, &parse_duration);
        value && accept(key, node, detail::timeout_problem(*value))) {
      timeout = *value;
    }
  }

  // The value of a text like "5s"; a plain number is told that it lacks its unit.
  template <typename Parse>
  auto with_unit(const TopologyKey& key, const toml::node& node, Parse parse) -> std::optional<decltype(parse({}))> {
    if (node.is_number()) {
      accept(key, node, describe(node) + " without a unit");
      return std::nullopt;
    }
    if (const auto text = text_of(key, node)) {
      try {
        return parse(*text);
      } catch (const Error& error) {
        accept(key, node, error.operation());
      }
    }
    return std::nullopt;
  }

  std::optional<std::string> text_of(const TopologyKey& key, const toml::node& node) {
    const auto* text = node.as_string();
    accept(key, node, text != nullptr ? "" : describe(node));
    return text != nullptr ? std::optional(text->get()) : std::nullopt;
  }

  std::optional<std::int64_t> integer_of(const TopologyKey& key, const toml::node& node) {
    const auto* integer = node.as_integer();
    accept(key, node, integer != nullptr ? "" : describe(node));
    return integer != nullptr ? std::optional(integer->get()) : std::nullopt;
  }

  // Notes the problem, if there is one; true when there is none.
  bool accept(const TopologyKey& key, const toml::node& node, std::string problem) {
    if (problem.empty()) {
      return true;
    }
    add(node.source(), path_of(key), std::move(problem), key.expected);
    return false;
  }

  void check_totals(const toml::source_region& where) {
    std::uint64_t runners = 0;
    for (const ModuleSpec& module : topology_.modules) {
      runners += module.instances;
    }
    if (topology_.modules.size() > limits::modules_max) {
      add(where, "module", fmt::format("{} modules", topology_.modules.size()),
          fmt::format("at most {}", limits::modules_max));
    }
    if (runners > limits::runners_max) {
      add(where, "module.instances", fmt::format("{} runners in all", runners),
          fmt::format("at most {}", limits::runners_max));
    }
  }

  static std::string path_of(const TopologyKey& key) { return fmt::format("{}.{}", key.section, key.name); }

  static std::string known_keys(std::string_view section) {
    std::string known = "one of";
    for (const TopologyKey& key : topology_keys()) {
      if (key.section == section) {
        known += fmt::format(" {}", key.name);
      }
    }
    return known;
  }

  std::string file_;
  Topology topology_;
  std::vector<TopologyProblem> problems_;
  std::map<std::string, std::uint32_t> lines_by_id_;
};

} // namespace

Topology parse_topology(std::string_view text, const std::string& file) {
  return Parser(file).run(text);
}

Topology load_topology(const std::string& path) {
  return parse_topology(os::read_text_file(path, limits::topology_bytes_max, "topology file"), path);
}

} // namespace ringfleet::fleet
