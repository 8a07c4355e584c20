// `ringfleet` without a fleet: help, version, usage errors, check. The program is really run.

#include "cli.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <string>
#include <vector>

using namespace ringfleet::tests;

namespace {

// One line on standard error that begins with the program's name, and nothing on standard output.
void check_refused(const Result& result, int code, const std::string& words) {
  CAPTURE(result.out);
  CAPTURE(result.err);
  CHECK(result.exit_code == code);
  CHECK(result.out.empty());
  CHECK(result.err.starts_with("ringfleet: "));
  CHECK(std::ranges::count(result.err, '\n') == 1);
  CHECK(result.err.find(words) != std::string::npos);
}

} // namespace

TEST_CASE("cli: --help lists every command and every exit code") {
  const Cli cli("cli-help");
  const auto help = cli({"--help"});
  CHECK(help.exit_code == 0);
  CHECK(help.err.empty());
  CAPTURE(help.out);
  CHECK(help.out.starts_with(
      "ringfleet: run modules in processes of their own and call them through shared memory\n"
      "\n"
      "usage: ringfleet COMMAND …\n"
      "\n"
      "commands\n"
      "  demo [DIR]                  watch a fleet work, lose a runner, and be reloaded under load\n"
      "  check FILE                  check a topology file without starting anything\n"
      "  up FILE                     start a fleet and stay with it until it is stopped\n"
      "  down                        drain and stop a running fleet\n"
      "  status                      show the modules and runners of a running fleet\n"
      "  show MODULE                 show one module: methods, version, hash, runners\n"
      "  call MODULE METHOD [INPUT]  call a method and print the reply bytes\n"
      "  reload MODULE [PATH]        replace a module's code under load, without failing a call\n"
      "  segments ACTION [NAME]      list rings and the counter files of channels (ls), remove what dead owners left "
      "(rm)\n"
      "\n"
      "options\n"
      "  -h, --help           show this help\n"));
  CHECK(help.out.find("\nexit codes\n  0  success\n  1  the operation failed") != std::string::npos);
  CHECK(help.out.find("\n  9  the runner died") != std::string::npos);
  CHECK(help.out.find('\x1b') == std::string::npos);
}

TEST_CASE("cli: the help of a command shows its arguments, its options, and those of every command") {
  const Cli cli("cli-help2");
  const auto help = cli({"call", "--help"});
  CHECK(help.exit_code == 0);
  CAPTURE(help.out);
  CHECK(help.out.starts_with("ringfleet call: call a method and print the reply bytes\n"
                             "\n"
                             "usage: ringfleet call MODULE METHOD [INPUT] [options]\n"
                             "\n"
                             "arguments\n"
                             "  MODULE  a module of a running fleet, or the path of a module file\n"
                             "  METHOD  the method's name\n"
                             "  INPUT   '-': the data comes from standard input\n"
                             "\n"
                             "options\n"));
  CHECK(help.out.find("\n  --data TEXT     the data as text; default: none\n") != std::string::npos);
  CHECK(help.out.find("\noptions of every command\n") != std::string::npos);
  CHECK(help.out.find("  --fleet NAME") != std::string::npos);
}

TEST_CASE("cli: --version is one line") {
  const Cli cli("cli-version");
  const auto version = cli({"--version"});
  CHECK(version.exit_code == 0);
  CHECK(version.out.starts_with("ringfleet "));
  CHECK(std::ranges::count(version.out, '\n') == 1);
}

TEST_CASE("cli: without a command the help goes to standard error, exit code 2") {
  const Cli cli("cli-none");
  const auto none = cli({});
  CHECK(none.exit_code == 2);
  CHECK(none.out.empty());
  CHECK(none.err.find("\ncommands\n") != std::string::npos);
}

TEST_CASE("cli: wrong usage is one line that says where to look, exit code 2") {
  const Cli cli("cli-usage");
  check_refused(cli({"launch"}), 2, "(see 'ringfleet --help')");
  check_refused(cli({"call", "echo"}), 2, "METHOD");
  check_refused(cli({"call", "echo"}), 2, "(see 'ringfleet call --help')");
  check_refused(cli({"status", "--wrong"}), 2, "--wrong");
  check_refused(cli({"status", "-o", "xml"}), 2, "--output: there is no format 'xml', only text and json");
  check_refused(cli({"launch"}), 2, "there is no command 'launch', only demo, check, up, down, ");
  check_refused(cli({"statsu"}), 2, "there is no command 'statsu', did you mean 'status'?");
  check_refused(cli({"--fleet", "x", "dwon"}), 2, "there is no command 'dwon', did you mean 'down'?");
  check_refused(cli({"--fleet", "x"}), 2, "a command is missing");
  check_refused(cli({"--wrong"}), 2, "there is no option '--wrong', and a command is missing");
  check_refused(cli({"demo", "--seconds", "0"}), 2, "--seconds");
  check_refused(cli({"demo", "--runners", "0"}), 2, "--runners");
  check_refused(cli({"call", "echo", "echo", "data"}), 2, "unexpected argument 'data'");
  check_refused(cli({"call", "echo", "echo", "-", "--data", "x"}), 2, "the data is given twice");
  check_refused(cli({"call", "echo", "echo", "--timeout", "5"}), 2, "--timeout");
  check_refused(cli({"call", "echo", "echo", "--file", "/does/not/exist"}), 2, "No such file or directory");
  check_refused(cli({"call", "echo", "echo", "--file", "/"}), 2, "Is a directory");
}

TEST_CASE("cli: with -o json every failure is one object on standard output, too, wherever the option stands") {
  const Cli cli("cli-json");
  cli.scratch().write("text.so", "this is no module");
  cli.scratch().write("bad.toml", "[fleet]\nname = \"bad\"\n[[module]]\nid = \"m\"\npath = \"" +
                                      cli.scratch().path("text.so") + "\"\n");
  struct Case {
    std::vector<std::string> words;
    int code;
  };
  for (const auto& [words, code] : std::vector<Case>{{{"status", "-o", "json"}, 3},
                                                     {{"-o", "json", "show", "echo"}, 3},
                                                     {{"reload", "echo", "--output=json"}, 3},
                                                     {{"down", "-o", "json"}, 3},
                                                     {{"call", "echo", "echo", "-o", "json"}, 3},
                                                     {{"check", "/none/fleet.toml", "-o", "json"}, 2},
                                                     {{"up", "/none/fleet.toml", "-o", "json"}, 2},
                                                     {{"up", "-d", cli.scratch().path("bad.toml"), "-o", "json"}, 1},
                                                     {{"up", cli.scratch().path("bad.toml"), "-o", "json"}, 1},
                                                     {{"segments", "rm", "-o", "json"}, 2},
                                                     {{"demo", "/no/such/directory", "-o", "json"}, 2},
                                                     {{"-o", "json", "launch"}, 2},
                                                     {{"status", "--wrong", "-o", "json"}, 2}}) {
    CAPTURE(words.front());
    const auto result = cli(words);
    CAPTURE(result.out);
    CAPTURE(result.err);
    CHECK(result.exit_code == code);
    const auto last_line = result.out.substr(result.out.rfind('\n', result.out.size() - 2) + 1); // `up` has told more
    const auto json = nlohmann::json::parse(last_line, nullptr, false);
    REQUIRE(json.is_object());
    CHECK(json["ok"] == false);
    CHECK(json["exit_code"] == code);
    CHECK(result.err == "ringfleet: " + json["error"].get<std::string>() + "\n");
  }
}

TEST_CASE("cli: everything that needs a fleet says that none runs, exit code 3") {
  const Cli cli("cli-absent");
  for (const auto& words : std::vector<std::vector<std::string>>{
           {"status"}, {"down"}, {"show", "echo"}, {"call", "echo", "echo"}, {"reload", "echo"}}) {
    CAPTURE(words.front());
    check_refused(cli(words), 3, "fleet");
  }
  check_refused(cli({"status", "--fleet", "other"}), 3, "other");
}

// F42
TEST_CASE("check: a good topology is shown as a table, and as JSON") {
  const Cli cli("cli-check");
  const auto file = cli.topology("good");
  const auto text = cli({"check", file});
  CAPTURE(text.out);
  CAPTURE(text.err);
  CHECK(text.exit_code == 0);
  CHECK(text.err.empty());
  CHECK(text.out.starts_with(file + ": ok: fleet good, modules 2, runners 3\n\nMODULE  INSTANCES"));
  const auto json = nlohmann::json::parse(cli({"check", file, "-o", "json"}).out);
  CHECK(json["ok"] == true);
  CHECK(json["fleet"] == "good");
  CHECK(json["modules"][0]["id"] == "echo");
  CHECK(json["modules"][0]["instances"] == 2);
}

TEST_CASE("check: each error names file, line and key; -o json lists them all; exit code 2") {
  const Cli cli("cli-check-bad");
  cli.scratch().write("bad.toml", "[fleet]\nname = \"x\"\ncolour = 1\n\n[[module]]\nid = 5\npath = \"/none/m.so\"\n");
  const auto file = cli.scratch().path("bad.toml");
  const auto text = cli({"check", file});
  CAPTURE(text.err);
  CHECK(text.exit_code == 2);
  CHECK(text.out.empty());
  const auto lines = std::ranges::count(text.err, '\n');
  CHECK(lines >= 2);
  std::ptrdiff_t prefixed = text.err.starts_with("ringfleet: ");
  for (auto at = text.err.find("\nringfleet: "); at != std::string::npos; at = text.err.find("\nringfleet: ", at + 1)) {
    ++prefixed;
  }
  CHECK(prefixed == lines);
  CHECK(text.err.find("bad.toml:3") != std::string::npos);
  CHECK(text.err.find("colour") != std::string::npos);
  const auto answer = cli({"-o", "json", "check", file});
  CHECK(answer.exit_code == 2);
  const auto json = nlohmann::json::parse(answer.out);
  CHECK(json["ok"] == false);
  CHECK(json["problems"].size() >= 2);
  CHECK(json["problems"][0]["line"] == 3);
}

TEST_CASE("check: a file that does not exist is bad input, exit code 2, here and for up") {
  const Cli cli("cli-check-none");
  check_refused(cli({"check", "/none/fleet.toml"}), 2, "/none/fleet.toml");
  check_refused(cli({"up", "/none/fleet.toml"}), 2, "/none/fleet.toml");
}

TEST_CASE("call: a module file that does not exist is bad input, exit code 2") {
  const Cli cli("cli-call-none");
  check_refused(cli({"call", "./none.so", "echo"}), 2, "'./none.so': it does not exist");
  check_refused(cli({"call", "none.so", "echo"}), 2, "'none.so'");
}

TEST_CASE("demo: a directory that does not exist is a clear error before anything starts, exit code 2") {
  const Cli cli("cli-demo-none");
  check_refused(cli({"demo", "/no/such/directory", "--json"}), 2, "'/no/such/directory': it does not exist");
}

TEST_CASE("cli: where nothing can be written, the exit code says what it would have said") {
  const Cli cli("cli-full");
  const auto code_of = [&](const std::string& command) {
    auto shell = cli.invocation({});
    shell.command = {"/bin/sh", "-c", "exec \"$0\" " + command, shell.command.front()};
    return run(shell).exit_code;
  };
  CHECK(code_of("status 2>/dev/full") == 3);
  CHECK(code_of("status --none 2>/dev/full") == 2);
  CHECK(code_of("2>/dev/full") == 2);
  CHECK(code_of("--help >/dev/full") == 1);
  CHECK(code_of("--version >/dev/full") == 1);
  CHECK(code_of("segments ls -o json >/dev/full") == 1);
}
