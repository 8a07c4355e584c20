#include "command.hpp"
#include "output.hpp"
#include "status_text.hpp"

#include "ringfleet/fleet/client.hpp"

#include <filesystem>

#include <unistd.h>

namespace ringfleet::cli {
namespace {

// The scheduler has another working directory: what is a path here becomes absolute; names and hashes stay.
std::string reference_for_scheduler(const std::string& reference) {
  std::error_code error;
  const bool exists = std::filesystem::exists(reference, error);
  if (reference.find('/') == std::string::npos) {
    return exists ? std::filesystem::absolute(reference).string() : reference;
  }
  if (!exists) {
    throw Failure(ExitCode::usage, "open module file '" + reference + "': it does not exist (check the path)");
  }
  return std::filesystem::absolute(reference).lexically_normal().string();
}

} // namespace

Command reload_command(const Globals& globals) {
  struct Arguments {
    std::string module;
    std::string path;
  };
  const auto arguments = std::make_shared<Arguments>();
  return {.name = "reload",
          .summary = "replace a module's code under load, without failing a call",
          .declare =
              [arguments](Parameters& with) {
                with.argument("MODULE", arguments->module, "its id in the topology");
                with.optional_argument("PATH", arguments->path, "the new file; none: the same path, read again");
              },
          .run =
              [&globals, arguments] {
                const auto path = arguments->path.empty() ? std::string() : reference_for_scheduler(arguments->path);
                const auto report = attach(globals)->reload(arguments->module, path);
                print(globals.format == Format::json ? deploy_json(report)
                                                     : deploy_text(report, colours_on(STDOUT_FILENO)));
                return ExitCode::ok;
              }};
}

} // namespace ringfleet::cli
