#include "command.hpp"
#include "help.hpp"
#include "output.hpp"

#include "ringfleet/base/version.hpp"

#include <exception>
#include <functional>
#include <map>
#include <sstream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace ringfleet::cli {
namespace {

int fail(ExitCode code, std::string_view text) {
  print_error(fmt::format("ringfleet: {}\n", text));
  return static_cast<int>(code);
}

// Whatever a command throws becomes one line and a code.
int run(const std::function<ExitCode()>& command) {
  try {
    return static_cast<int>(command());
  } catch (const Failure& failure) {
    return fail(failure.code(), failure.what());
  } catch (const Error& error) {
    return fail(exit_code_of(error.code()), error.what());
  } catch (const std::exception& error) {
    return fail(ExitCode::failed, fmt::format("unexpected: {} (please report this)", error.what()));
  }
}

void add_globals(CLI::App& app, Globals& globals) {
  app.set_help_flag("-h,--help", "show this help");
  app.set_version_flag("--version", std::string("ringfleet ") + version, "show the version");
  app.add_option("--fleet", globals.fleet, "the fleet, where several run")->option_text("NAME");
  const std::map<std::string, Format> formats{{"text", Format::text}, {"json", Format::json}};
  app.add_option("-o,--output", globals.format, "how to print: text or json")
      ->option_text("FORMAT")
      ->transform(CLI::CheckedTransformer(formats));
}

} // namespace

void Parameters::argument(const std::string& name, std::string& value, const std::string& text) {
  command_.add_option(name, value, text)->required();
}

void Parameters::optional_argument(const std::string& name, std::string& value, const std::string& text) {
  command_.add_option(name, value, text);
}

void Parameters::flag(const std::string& names, bool& value, const std::string& text) {
  command_.add_flag(names, value, text);
}

void Parameters::option(const std::string& names, const std::string& label, std::optional<std::string>& value,
                        const std::string& text) {
  command_.add_option_function<std::string>(
              names, [&value](const std::string& given) { value = given; }, text)
      ->option_text(label);
}

void Parameters::number(const std::string& names, double& value, double min, double max, const std::string& text) {
  command_.add_option(names, value, text)->option_text("N")->check(CLI::Range(min, max));
}

void Parameters::number(const std::string& names, std::uint32_t& value, std::uint32_t min, std::uint32_t max,
                        const std::string& text) {
  command_.add_option(names, value, text)->option_text("N")->check(CLI::Range(min, max));
}

void Parameters::note(const std::string& text) {
  command_.footer(text);
}

int run_command_line(int argc, char** argv, Globals& globals, const std::vector<Command>& commands) {
  CLI::App app("run modules in processes of their own and call them through shared memory", "ringfleet");
  use_own_help(app);
  app.require_subcommand(1);
  app.fallthrough();
  add_globals(app, globals);
  app.footer("Start here: ringfleet demo, or ringfleet up FILE and, beside it, ringfleet status.\n"
             "Fleets live in $RINGFLEET_DIR, $XDG_RUNTIME_DIR/ringfleet, /run/ringfleet (root), /tmp/ringfleet-UID.");
  for (const auto& command : commands) {
    auto* options = app.add_subcommand(command.name, command.summary);
    if (command.declare) {
      Parameters parameters(*options);
      command.declare(parameters);
    }
  }
  if (argc == 1) {
    print_error(app.help());
    return static_cast<int>(ExitCode::usage);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {
      std::ostringstream asked_for; // help, or the version
      app.exit(error, asked_for, asked_for);
      return run([&] {
        print(asked_for.str());
        return ExitCode::ok;
      });
    }
    const auto chosen = app.get_subcommands();
    return fail(ExitCode::usage, fmt::format("command line: {} (see 'ringfleet {}--help')", one_line(error.what()),
                                             chosen.empty() ? "" : chosen.front()->get_name() + " "));
  }
  for (const auto& command : commands) {
    if (app.got_subcommand(command.name)) {
      return run(command.run);
    }
  }
  return static_cast<int>(ExitCode::usage);
}

} // namespace ringfleet::cli
