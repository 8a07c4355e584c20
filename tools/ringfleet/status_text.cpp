#include "status_text.hpp"

#include "output.hpp"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace ringfleet::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t hash_digits_shown = 12;

std::string dump(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string or_dash(std::string_view text) {
  return text.empty() ? "-" : one_line(text);
}

Style style_of(std::string_view state) {
  if (state == "Ready" || state == "ready") {
    return Style::good;
  }
  return state == "Failed" ? Style::bad : Style::warning;
}

Table::Cell state_cell(const std::string& state) {
  return {state, style_of(state)};
}

std::size_t ready_of(const ModuleStatus& module) {
  return static_cast<std::size_t>(
      std::ranges::count_if(module.runners, [](const RunnerStatus& runner) { return runner.state == "ready"; }));
}

Json runner_json(const RunnerStatus& runner) {
  return {{"serial", runner.serial},   {"pid", runner.pid},         {"state", runner.state},
          {"version", runner.version}, {"clients", runner.clients}, {"uptime_ns", runner.uptime_ns}};
}

Json runners_json(const std::vector<RunnerStatus>& runners) {
  Json list = Json::array();
  for (const auto& runner : runners) {
    list.push_back(runner_json(runner));
  }
  return list;
}

void add_runner(Table& table, std::string_view module, const RunnerStatus& runner) {
  table.add({std::string(module), std::to_string(runner.serial), std::to_string(runner.pid), state_cell(runner.state),
             or_dash(runner.version), std::to_string(runner.clients), duration_text(runner.uptime_ns)});
}

const std::vector<Table::Column> runner_columns{
    {"RUNNER OF"}, {"SERIAL", Table::Align::right},  {"PID", Table::Align::right},   {"STATE"},
    {"VERSION"},   {"CLIENTS", Table::Align::right}, {"UPTIME", Table::Align::right}};

} // namespace

std::string status_text(const FleetStatus& status, bool colours) {
  std::string text =
      fmt::format("fleet {}, scheduler pid {}, version {}, up {}, clients {}\n{}\n\n",
                  paint(status.name, Style::bold, colours), status.scheduler_pid, status.version,
                  duration_text(status.uptime_ns), status.clients, paint(status.directory, Style::dim, colours));
  Table modules({{"MODULE"},
                 {"STATE"},
                 {"VERSION"},
                 {"READY", Table::Align::right},
                 {"RESTARTS", Table::Align::right},
                 {"RELOADS", Table::Align::right},
                 {"FAILED", Table::Align::right},
                 {"SHA-256"},
                 {"PATH"}});
  Table runners(runner_columns);
  std::string errors;
  for (const auto& module : status.modules) {
    modules.add({module.id, state_cell(module.state), or_dash(module.version),
                 fmt::format("{}/{}", ready_of(module), module.instances), std::to_string(module.restarts),
                 std::to_string(module.reloads), std::to_string(module.reloads_failed),
                 or_dash(module.sha256.substr(0, hash_digits_shown)), or_dash(module.path)});
    for (const auto& runner : module.runners) {
      add_runner(runners, module.id, runner);
    }
    if (!module.last_error.empty()) {
      errors += fmt::format("last error of {}: {}\n", module.id, one_line(module.last_error));
    }
  }
  text += modules.text(colours);
  if (!runners.empty()) {
    text.append("\n").append(runners.text(colours));
  }
  if (!errors.empty()) {
    text.append("\n").append(errors);
  }
  return text;
}

std::string status_json(const FleetStatus& status) {
  Json modules = Json::array();
  for (const auto& module : status.modules) {
    modules.push_back({{"id", module.id},
                       {"state", module.state},
                       {"path", module.path},
                       {"version", module.version},
                       {"sha256", module.sha256},
                       {"instances", module.instances},
                       {"ready", ready_of(module)},
                       {"restarts", module.restarts},
                       {"reloads", module.reloads},
                       {"reloads_failed", module.reloads_failed},
                       {"last_error", module.last_error},
                       {"runners", runners_json(module.runners)}});
  }
  return dump({{"name", status.name},
               {"directory", status.directory},
               {"scheduler_pid", status.scheduler_pid},
               {"version", status.version},
               {"uptime_ns", status.uptime_ns},
               {"clients", status.clients},
               {"modules", modules}});
}

std::string module_text(const ModuleInfo& module, bool colours) {
  std::string dependencies;
  for (const auto& dependency : module.dependencies) {
    dependencies += (dependencies.empty() ? "" : ", ") + dependency;
  }
  Table facts({{""}, {""}});
  facts.add({"module", module.id});
  facts.add({"name", or_dash(module.name)});
  facts.add({"version", or_dash(module.version)});
  facts.add({"description", or_dash(module.description)});
  facts.add({"abi level", std::to_string(module.abi_level)});
  facts.add({"path", or_dash(module.path)});
  facts.add({"sha-256", or_dash(module.sha256)});
  facts.add({"dependencies", or_dash(dependencies)});
  std::string text = facts.text(colours) + "\n";

  Table methods({{"METHOD"}, {"ID"}, {"IDEMPOTENT"}, {"DESCRIPTION"}});
  for (const auto& method : module.methods) {
    methods.add({one_line(method.name), fmt::format("{:#010x}", method.id), method.idempotent ? "yes" : "no",
                 one_line(method.description)});
  }
  if (!methods.empty()) {
    text += methods.text(colours);
  } else if (module.abi_level == 1) {
    text += "methods are not listed by a module of ABI level 1; each name is hashed to its id (FNV-1a, 32 bits)\n";
  } else {
    text += "no methods\n";
  }
  Table runners(runner_columns);
  for (const auto& runner : module.runners) {
    add_runner(runners, module.id, runner);
  }
  text += '\n';
  text += runners.empty() ? "no runner is alive\n" : runners.text(colours);
  return text;
}

std::string module_json(const ModuleInfo& module) {
  Json methods = Json::array();
  for (const auto& method : module.methods) {
    methods.push_back({{"name", method.name},
                       {"id", method.id},
                       {"idempotent", method.idempotent},
                       {"description", method.description}});
  }
  return dump({{"id", module.id},
               {"abi_level", module.abi_level},
               {"name", module.name},
               {"version", module.version},
               {"description", module.description},
               {"path", module.path},
               {"sha256", module.sha256},
               {"dependencies", module.dependencies},
               {"methods", methods},
               {"runners", runners_json(module.runners)}});
}

std::string deploy_text(const DeployReport& report, bool colours) {
  std::string text =
      fmt::format("{} {}: {} → {} in {}\n", report.module, paint("reloaded", Style::good, colours),
                  or_dash(report.from_version), or_dash(report.to_version), duration_text(report.total_ns));
  Table facts({{""}, {"", Table::Align::right}, {""}});
  facts.add({"ready", duration_text(report.ready_ns), "new runners loaded, initialised and probed"});
  facts.add({"flip", duration_text(report.flip_ns), "calls go to the new version"});
  facts.add({"drain", duration_text(report.drain_ns), "after the flip: the old runners were empty"});
  facts.add({"accepted", grouped(report.accepted), "calls by the old runners, all their life"});
  facts.add({"answered", grouped(report.answered), ""});
  facts.add({"cancelled", grouped(report.cancelled), report.forced ? "the drain deadline passed" : ""});
  return text + facts.text(colours, "  ");
}

std::string deploy_json(const DeployReport& report) {
  return dump({{"module", report.module},
               {"from_version", report.from_version},
               {"to_version", report.to_version},
               {"accepted", report.accepted},
               {"answered", report.answered},
               {"cancelled", report.cancelled},
               {"forced", report.forced},
               {"ready_ns", report.ready_ns},
               {"flip_ns", report.flip_ns},
               {"drain_ns", report.drain_ns},
               {"total_ns", report.total_ns}});
}

} // namespace ringfleet::cli
