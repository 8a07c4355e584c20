#include "help.hpp"

#include "exit_code.hpp"
#include "output.hpp"

#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <unistd.h>

namespace ringfleet::cli {
namespace {

std::string names_of(const CLI::Option& option) {
  std::string names;
  for (const auto& name : option.get_snames()) {
    names += (names.empty() ? "-" : ", -") + name;
  }
  for (const auto& name : option.get_lnames()) {
    names += (names.empty() ? "--" : ", --") + name;
  }
  return option.get_option_text().empty() ? names : names + " " + option.get_option_text();
}

std::string positional_of(const CLI::Option& option) {
  const auto name = option.get_name(true);
  return option.get_required() ? name : "[" + name + "]";
}

std::string section(std::string_view title, const Table& table, bool colours) {
  return table.empty() ? "" : "\n" + paint(title, Style::bold, colours) + "\n" + table.text(colours, "  ");
}

Table two_columns() {
  return Table({{""}, {""}});
}

void add_options(Table& table, const CLI::App& app) {
  for (const auto* option : app.get_options()) {
    if (!option->get_positional() && !option->get_group().empty()) {
      table.add({names_of(*option), option->get_description()});
    }
  }
}

std::string full_name(const CLI::App& app) {
  return app.get_parent() == nullptr ? app.get_name() : full_name(*app.get_parent()) + " " + app.get_name();
}

std::string help_of(const CLI::App& app) {
  const bool colours = colours_on(STDOUT_FILENO);
  const bool is_command = app.get_parent() != nullptr;
  std::string usage = full_name(app);
  Table arguments = two_columns();
  for (const auto* option : app.get_options()) {
    if (option->get_positional()) {
      usage += " " + positional_of(*option);
      arguments.add({option->get_name(true), option->get_description()});
    }
  }
  usage += is_command ? " [options]" : " COMMAND …";
  Table commands = two_columns();
  for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    std::string synopsis = command->get_name();
    for (const auto* option : command->get_options()) {
      if (option->get_positional()) {
        synopsis += " " + positional_of(*option);
      }
    }
    commands.add({synopsis, command->get_description()});
  }
  Table options = two_columns();
  add_options(options, app);
  std::string text = fmt::format("{}: {}\n\n{} {}\n", paint(full_name(app), Style::bold, colours),
                                 app.get_description(), paint("usage:", Style::bold, colours), usage);
  text += section("commands", commands, colours);
  text += section("arguments", arguments, colours);
  text += section("options", options, colours);
  if (is_command) {
    Table general = two_columns();
    add_options(general, *app.get_parent());
    text += section("options of every command", general, colours);
  } else {
    Table codes = two_columns();
    for (const auto& [code, meaning] : exit_code_texts) {
      codes.add({std::to_string(static_cast<int>(code)), std::string(meaning)});
    }
    text += section("exit codes", codes, colours);
  }
  return text + (app.get_footer().empty() ? "" : "\n" + app.get_footer() + "\n");
}

} // namespace

void use_own_help(CLI::App& app) {
  app.formatter_fn([](const CLI::App* shown, const std::string&, CLI::AppFormatMode) { return help_of(*shown); });
}

} // namespace ringfleet::cli
