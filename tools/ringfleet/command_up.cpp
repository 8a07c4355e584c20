#include "command.hpp"
#include "detach.hpp"
#include "line_printer.hpp"
#include "output.hpp"
#include "status_text.hpp"
#include "stop_signals.hpp"

#include "ringfleet/fleet/fleet.hpp"

#include <csignal>
#include <cstring>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <unistd.h>

namespace ringfleet::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view log_name = "up.log";

// What `up` says, as lines for people or one JSON object a line.
class Narrator {
public:
  explicit Narrator(Format format) : json_(format == Format::json) {}

  void event(std::string_view text) { printer_.print(STDOUT_FILENO, json_ ? line({{"event", text}}) : one_line(text)); }
  void log(const LogLine& said) {
    const bool to_stdout = said.stream == LogStream::output;
    if (json_) {
      printer_.print(STDOUT_FILENO, line({{"module", said.module},
                                          {"runner", said.runner},
                                          {"stream", to_stdout ? "stdout" : "stderr"},
                                          {"log", said.text}}));
    } else {
      printer_.print(to_stdout ? STDOUT_FILENO : STDERR_FILENO,
                     fmt::format("[{}/{}] {}", said.module, said.runner, said.text));
    }
  }
  void ready(const FleetStatus& status, const std::string& log_path) {
    if (json_) {
      Json object{{"ready", status.name}, {"scheduler_pid", status.scheduler_pid}, {"directory", status.directory}};
      if (!log_path.empty()) {
        object["log"] = log_path;
      }
      printer_.print(STDOUT_FILENO, line(object));
    } else {
      for (const auto& module : status.modules) {
        printer_.print(STDOUT_FILENO, module_line(module));
      }
      printer_.print(STDOUT_FILENO, fmt::format("fleet {} is up, pid {}{}", status.name, status.scheduler_pid,
                                                log_path.empty() ? std::string(" (Ctrl-C or 'ringfleet down' stops it)")
                                                                 : fmt::format(", log {}", log_path)));
    }
    printer_.flush();
  }
  void stopping(const std::string& fleet, int signal) {
    const std::string why = signal == 0 ? "as asked" : fmt::format("SIG{}", sigabbrev_np(signal));
    event(fmt::format("fleet {}: draining and stopping, {}{}", fleet, why,
                      signal == 0 ? "" : "; once more to stop at once"));
  }
  void flush() { printer_.flush(); }

private:
  static std::string line(const Json& object) { return object.dump(-1, ' ', false, Json::error_handler_t::replace); }
  static std::string module_line(const ModuleStatus& module) {
    std::string pids;
    for (const auto& runner : module.runners) {
      pids += fmt::format(" {}/{}", runner.serial, runner.pid);
    }
    return fmt::format("module {} {} {}, runners (serial/pid){}", module.id, module.version, module.state, pids);
  }

  bool json_;
  LinePrinter printer_;
};

ExitCode run_fleet(fleet::Topology topology, Format format, Detached* detached) {
  StopSignals signals;
  Narrator narrator(format);
  FleetOptions options;
  options.on_event = [&](std::string_view text) { narrator.event(text); };
  options.on_log = [&](const LogLine& line) { narrator.log(line); };
  std::optional<Fleet> fleet(std::in_place, std::move(topology), std::move(options));
  signals.attach(*fleet);
  const auto status = fleet->status();
  const auto log_path = detached == nullptr ? std::string() : fmt::format("{}/{}", status.directory, log_name);
  narrator.ready(status, log_path);
  if (detached != nullptr) {
    detached->ready(log_path);
  }
  fleet->wait_for_stop();
  signals.release();
  narrator.stopping(status.name, signals.received());
  fleet.reset();
  narrator.event(fmt::format("fleet {} stopped", status.name));
  return ExitCode::ok;
}

// Whatever is wrong with the file is the user's input.
fleet::Topology topology_of(const std::string& file) {
  try {
    return fleet::load_topology(file);
  } catch (const Error& error) {
    throw Failure(ExitCode::usage, error.what());
  }
}

} // namespace

Command up_command(const Globals& globals) {
  struct Arguments {
    std::string file;
    bool detach = false;
  };
  const auto arguments = std::make_shared<Arguments>();
  return {.name = "up",
          .summary = "start a fleet and stay with it until it is stopped",
          .declare =
              [arguments](Parameters& with) {
                with.argument("FILE", arguments->file, "the topology");
                with.flag("-d,--detach", arguments->detach,
                          "go on in the background once every module is Ready; output: up.log in its directory");
                with.note("SIGINT, SIGTERM and SIGHUP drain and stop the fleet; the second one stops it at once (exit "
                          "code 128 + signal).");
              },
          .run =
              [&globals, arguments] {
                auto topology = topology_of(arguments->file);
                if (!globals.fleet.empty()) {
                  topology.fleet.name = globals.fleet;
                }
                if (!arguments->detach) {
                  return run_fleet(std::move(topology), globals.format, nullptr);
                }
                Detached detached;
                return detached.is_child() ? run_fleet(std::move(topology), globals.format, &detached)
                                           : static_cast<ExitCode>(detached.exit_code());
              }};
}

} // namespace ringfleet::cli
