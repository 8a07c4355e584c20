#include "command.hpp"
#include "demo/demo.hpp"
#include "demo/report.hpp"
#include "output.hpp"

#include "ringfleet/base/limits.hpp"
#include "ringfleet/fleet/module_reference.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <thread>

#include <fmt/format.h>

#include <unistd.h>

namespace ringfleet::cli {
namespace {

namespace fs = std::filesystem;

struct Arguments {
  std::string directory = "/usr/include";
  double seconds = 5;
  std::uint32_t runners = std::max(1U, std::thread::hardware_concurrency());
  bool json = false;
};

// Beside this program, or where modules are looked for anyway; never in the folder that somebody happens to be in.
std::string module_path(const std::string& name) {
  std::error_code error;
  const auto program = fs::read_symlink("/proc/self/exe", error).parent_path();
  return fleet::resolve_module_reference(name, fleet::ModuleSearch::from_environment(program.string()));
}

ExitCode run(const Arguments& arguments, bool json) {
  demo::Narrator narrator(json ? STDERR_FILENO : STDOUT_FILENO);
  demo::DemoOptions options;
  options.directory = arguments.directory;
  options.duration = Nanoseconds(std::llround(arguments.seconds * 1e9));
  options.runners = arguments.runners;
  options.module_v1 = module_path("zstd_v1.so");
  options.module_v2 = module_path("zstd_v2.so");
  const auto outcome = demo::run(options, narrator);
  print(json ? demo::report_json(outcome) : "\n" + demo::report_text(outcome, colours_on(STDOUT_FILENO)));
  if (!outcome.failure.empty()) {
    throw Failure(ExitCode::failed, fmt::format("demo: {}", outcome.failure), Failure::InJson::yes);
  }
  if (!outcome.verified()) {
    throw Failure(ExitCode::failed, "demo: not everything was verified (see the table)", Failure::InJson::yes);
  }
  return ExitCode::ok;
}

} // namespace

Command demo_command(const Globals& globals) {
  const auto arguments = std::make_shared<Arguments>();
  return {.name = "demo",
          .summary = "watch a fleet work, lose a runner, and be reloaded under load",
          .declare =
              [arguments](Parameters& with) {
                with.optional_argument("DIR", arguments->directory,
                                       "compresses the files below it; default: /usr/include");
                with.flag("--json", arguments->json, "the same as -o json: one object on standard output");
                with.number("--seconds", arguments->seconds, 0.1, 86'400, "how long; default: 5");
                with.number("--runners", arguments->runners, 1U, limits::instances_max,
                            "how many; default: as many as cores");
                with.note("At a third of the time one runner is killed (SIGKILL), at two thirds the module is replaced "
                          "by its next\nversion. Every file is compressed and decompressed by the fleet and compared "
                          "with the original.\nExit code 0 only if everything came back right and no call was lost.");
              },
          .run = [&globals, arguments] { return run(*arguments, arguments->json || globals.format == Format::json); }};
}

} // namespace ringfleet::cli
