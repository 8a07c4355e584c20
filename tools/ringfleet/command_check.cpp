#include "command.hpp"
#include "output.hpp"

#include "ringfleet/base/units.hpp"
#include "ringfleet/fleet/topology.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <unistd.h>

namespace ringfleet::cli {
namespace {

using Json = nlohmann::ordered_json;

std::uint32_t runners_of(const fleet::Topology& topology) {
  std::uint32_t runners = 0;
  for (const auto& module : topology.modules) {
    runners += module.instances * module.ranks;
  }
  return runners;
}

std::string topology_text(const std::string& file, const fleet::Topology& topology, bool colours) {
  std::string text =
      fmt::format("{}: {}: fleet {}, modules {}, runners {}\n\n", file, paint("ok", Style::good, colours),
                  topology.fleet.name.empty() ? "(private name)" : topology.fleet.name, topology.modules.size(),
                  runners_of(topology));
  Table table({{"MODULE"},
               {"INSTANCES", Table::Align::right},
               {"SLOTS", Table::Align::right},
               {"SLOT", Table::Align::right},
               {"TIMEOUT", Table::Align::right},
               {"WAIT"},
               {"CONFIG"},
               {"PATH"}});
  for (const auto& module : topology.modules) {
    table.add({module.id, std::to_string(module.instances), std::to_string(module.slots),
               format_bytes(module.slot_bytes), duration_text(static_cast<std::uint64_t>(module.call_timeout.count())),
               std::string(to_string(module.wait)), one_line(module.config), one_line(module.path)});
  }
  return text + table.text(colours);
}

std::string topology_json(const std::string& file, const fleet::Topology& topology) {
  Json modules = Json::array();
  for (const auto& module : topology.modules) {
    modules.push_back({{"id", module.id},
                       {"path", module.path},
                       {"instances", module.instances},
                       {"ranks", module.ranks},
                       {"config", Json::parse(module.config, nullptr, false)},
                       {"call_timeout_ns", module.call_timeout.count()},
                       {"start_timeout_ns", module.start_timeout.count()},
                       {"drain_timeout_ns", module.drain_timeout.count()},
                       {"slots", module.slots},
                       {"slot_bytes", module.slot_bytes},
                       {"wait", to_string(module.wait)},
                       {"memory_limit_bytes", module.memory_limit_bytes},
                       {"descriptor_limit", module.descriptor_limit}});
  }
  const Json json{{"ok", true},
                  {"file", file},
                  {"fleet", topology.fleet.name},
                  {"runners", runners_of(topology)},
                  {"modules", modules}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string problems_json(const std::string& file, const fleet::TopologyError& error) {
  Json problems = Json::array();
  for (const auto& problem : error.problems()) {
    problems.push_back({{"line", problem.line},
                        {"column", problem.column},
                        {"key", problem.key},
                        {"problem", problem.problem},
                        {"expected", problem.expected}});
  }
  const Json json{{"ok", false}, {"file", file}, {"problems", problems}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

} // namespace

Command check_command(const Globals& globals) {
  const auto file = std::make_shared<std::string>();
  return {.name = "check",
          .summary = "check a topology file without starting anything",
          .declare = [file](Parameters& with) { with.argument("FILE", *file, "the topology"); },
          .run =
              [&globals, file] {
                const bool json = globals.format == Format::json;
                try {
                  const auto topology = fleet::load_topology(*file);
                  print(json ? topology_json(*file, topology)
                             : topology_text(*file, topology, colours_on(STDOUT_FILENO)));
                } catch (const fleet::TopologyError& error) {
                  if (json) {
                    print(problems_json(*file, error));
                  }
                  throw Failure(ExitCode::usage, error.what(), Failure::InJson::yes);
                } catch (const Error& error) {
                  throw Failure(ExitCode::usage, error.what());
                }
                return ExitCode::ok;
              }};
}

} // namespace ringfleet::cli
