#include "command.hpp"
#include "help.hpp"
#include "output.hpp"

#include "ringfleet/base/nearest.hpp"
#include "ringfleet/base/version.hpp"

#include <exception>
#include <functional>
#include <sstream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

namespace ringfleet::cli {
namespace {

using InJson = Failure::InJson;

// On standard error for people; where JSON is wanted and has not said it, as one object on standard output, too.
int fail(Format format, ExitCode code, const std::string& text, InJson in_json = InJson::no) {
  std::string lines;
  std::istringstream reader(text);
  for (std::string line; std::getline(reader, line);) {
    lines += fmt::format("ringfleet: {}\n", line);
  }
  print_error(lines);
  if (format == Format::json && in_json == InJson::no) {
    const nlohmann::ordered_json json{{"ok", false}, {"exit_code", static_cast<int>(code)}, {"error", text}};
    try {
      print(json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
    } catch (const Failure&) {
      return static_cast<int>(code); // nobody takes it; the code says it all the same
    }
  }
  return static_cast<int>(code);
}

// Whatever a command throws becomes a line and a code.
int run(Format format, const std::function<ExitCode()>& command) {
  try {
    return static_cast<int>(command());
  } catch (const Failure& failure) {
    return fail(format, failure.code(), failure.what(), failure.in_json());
  } catch (const Error& error) {
    return fail(format, exit_code_of(error.code()), error.what());
  } catch (const std::exception& error) {
    return fail(format, ExitCode::failed, fmt::format("unexpected: {} (please report this)", error.what()));
  }
}

void add_globals(CLI::App& app, Globals& globals) {
  app.set_help_flag("-h,--help", "show this help");
  app.set_version_flag("--version", std::string("ringfleet ") + version, "show the version");
  app.add_option("--fleet", globals.fleet, "the fleet, where several run")->option_text("NAME");
  app.add_option_function<std::string>(
         "-o,--output",
         [&globals](const std::string& format) {
           if (format != "text" && format != "json") {
             throw CLI::ValidationError("--output",
                                        fmt::format("there is no format '{}', only text and json", one_line(format)));
           }
           globals.format = format == "json" ? Format::json : Format::text;
         },
         "how to print: text or json")
      ->option_text("FORMAT");
}

// A command line with a mistake in it may have been read only in part: what was said of the format counts all the same.
Format format_of(const CLI::App& app) {
  const std::vector<std::string>& formats = app.get_option("--output")->results();
  return !formats.empty() && formats.back() == "json" ? Format::json : Format::text;
}

// What is wrong with a command line that names no command that there is.
std::string no_command(const CLI::App& app, const std::vector<Command>& commands) {
  const std::vector<std::string> words = app.remaining();
  if (words.empty()) {
    return "a command is missing";
  }
  const std::string word = one_line(words.front());
  if (word.starts_with('-')) {
    return fmt::format("there is no option '{}', and a command is missing", word);
  }
  std::vector<std::string_view> names;
  for (const Command& command : commands) {
    names.push_back(command.name);
  }
  const std::string_view meant = nearest(word, names);
  return fmt::format("there is no command '{}', {}", word,
                     meant.empty() ? fmt::format("only {}", fmt::join(names, ", "))
                                   : fmt::format("did you mean '{}'?", meant));
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
      return run(Format::text, [&] {
        print(asked_for.str());
        return ExitCode::ok;
      });
    }
    const auto chosen = app.get_subcommands();
    const bool lacks_command =
        chosen.empty() && error.get_exit_code() == static_cast<int>(CLI::ExitCodes::RequiredError);
    return fail(format_of(app), ExitCode::usage,
                fmt::format("command line: {} (see 'ringfleet {}--help')",
                            lacks_command ? no_command(app, commands) : one_line(error.what()),
                            chosen.empty() ? "" : chosen.front()->get_name() + " "));
  }
  for (const auto& command : commands) {
    if (app.got_subcommand(command.name)) {
      return run(globals.format, command.run);
    }
  }
  return static_cast<int>(ExitCode::usage);
}

} // namespace ringfleet::cli
