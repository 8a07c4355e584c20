// ringfleet-stat: one table of all fleets of this user, from their counter files alone. It talks to no process, so it
// works when the scheduler is stopped, hung or dead, and disturbs nobody.

#include "ringfleet/base/error.hpp"
#include "ringfleet/base/version.hpp"

#include "picture.hpp"
#include "render.hpp"

#include <cstdio>
#include <string>

#include <poll.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

namespace {

using namespace ringfleet;

enum ExitCode : int { shown = 0, partly_shown = 1, usage = 2, no_such_fleet = 3 };

struct Options {
  std::string fleet;
  std::string output = "table";
  unsigned every_seconds = 0;
};

int show_once(const Options& options, bool clear_screen) {
  const stat::Picture picture = stat::take_picture(options.fleet);
  const std::string text = options.output == "json" ? stat::as_json(picture) : stat::as_table(picture);
  std::printf("%s%s", clear_screen ? "\033[H\033[2J" : "", text.c_str());
  std::fflush(stdout);
  for (const stat::RefusedFile& file : picture.refused) {
    std::fprintf(stderr, "ringfleet-stat: %s\n", file.error.c_str());
  }
  if (picture.is_empty()) {
    std::fprintf(stderr, "ringfleet-stat: %s counts in '%s' (start one with: ringfleet up FILE)\n",
                 options.fleet.empty() ? "no fleet and no channel"
                                       : ("no process of fleet '" + options.fleet + "'").c_str(),
                 picture.directory.c_str());
  }
  return picture.refused.empty() ? shown : partly_shown;
}

int show(const Options& options) {
  if (options.every_seconds == 0) {
    return show_once(options, false);
  }
  const bool terminal = isatty(STDOUT_FILENO) != 0;
  while (std::ferror(stdout) == 0) {
    show_once(options, terminal && options.output == "table");
    poll(nullptr, 0, static_cast<int>(options.every_seconds * 1000));
  }
  return shown;
}

} // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Shows the counters of all running, stopped and dead processes of this user's fleets.",
               "ringfleet-stat");
  app.set_version_flag("--version", std::string("ringfleet-stat ") + version);
  app.add_option("--fleet", options.fleet, "only this fleet");
  app.add_option("-o,--output", options.output, "table or json")->check(CLI::IsMember({"table", "json"}));
  app.add_option("-w,--watch", options.every_seconds, "again every so many seconds, until interrupted")
      ->check(CLI::Range(1, 86'400));
  app.footer("Exit status: 0 shown, 1 a counter file was refused (named on stderr), 2 usage, 3 no such fleet.\n"
             "Directory: $RINGFLEET_DIR, $XDG_RUNTIME_DIR/ringfleet, /run/ringfleet (root) or /tmp/ringfleet-UID.");
  try {
    app.parse(argc, argv);
    return show(options);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {
      return app.exit(error); // help, or the version
    }
    const auto words = app.remaining();
    std::fprintf(stderr, "ringfleet-stat: command line: %s (see 'ringfleet-stat --help')\n",
                 words.empty() ? error.what() : ("unexpected '" + words.front() + "'").c_str());
    return usage;
  } catch (const Error& error) {
    std::fprintf(stderr, "ringfleet-stat: %s\n", error.what());
    return error.code() == ErrorCode::not_found ? no_such_fleet : partly_shown;
  }
}
