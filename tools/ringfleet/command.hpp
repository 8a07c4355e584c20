#pragma once

// What the commands of the CLI share: the global options, the shape of a command, and the way into a running fleet.
// Each command lives in its own command_<name>.cpp; command_line.cpp alone knows how words become values.

#include "exit_code.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
} // namespace CLI

namespace ringfleet {
class Client;
} // namespace ringfleet

namespace ringfleet::cli {

enum class Format { text, json };

// Options that stand before or behind the command's name.
struct Globals {
  std::string fleet; // empty: the only one that runs
  Format format = Format::text;
};

// The arguments and options of one command. Each is bound to a variable that must live until the command has run.
class Parameters {
public:
  explicit Parameters(CLI::App& command) : command_(command) {}

  void argument(const std::string& name, std::string& value, const std::string& text);
  void optional_argument(const std::string& name, std::string& value, const std::string& text);
  void flag(const std::string& names, bool& value, const std::string& text);
  void option(const std::string& names, const std::string& label, std::optional<std::string>& value,
              const std::string& text);
  void number(const std::string& names, double& value, double min, double max, const std::string& text);
  void number(const std::string& names, std::uint32_t& value, std::uint32_t min, std::uint32_t max,
              const std::string& text);
  // Below the options in --help.
  void note(const std::string& text);

private:
  CLI::App& command_;
};

// `run` throws its failures: Failure, or ringfleet::Error, which become one line and an exit code.
struct Command {
  std::string name;
  std::string summary;
  std::function<void(Parameters&)> declare;
  std::function<ExitCode()> run;
};

[[nodiscard]] Command check_command(const Globals& globals);
[[nodiscard]] Command up_command(const Globals& globals);
[[nodiscard]] Command down_command(const Globals& globals);
[[nodiscard]] Command status_command(const Globals& globals);
[[nodiscard]] Command show_command(const Globals& globals);
[[nodiscard]] Command call_command(const Globals& globals);
[[nodiscard]] Command reload_command(const Globals& globals);
[[nodiscard]] Command segments_command(const Globals& globals);
[[nodiscard]] Command demo_command(const Globals& globals);

// Parses, runs the chosen command and returns the exit code of the process. `globals` is filled in before a command
// runs.
[[nodiscard]] int run_command_line(int argc, char** argv, Globals& globals, const std::vector<Command>& commands);

// Attaches to the fleet that the options name. Throws Failure(not_running) when there is none or the choice is unclear.
[[nodiscard]] std::unique_ptr<Client> attach(const Globals& globals);

} // namespace ringfleet::cli
