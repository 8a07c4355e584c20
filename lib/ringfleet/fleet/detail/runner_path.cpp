#include "ringfleet/fleet/detail/runner_path.hpp"

#include "ringfleet/base/error.hpp"

#include <cstdlib>
#include <filesystem>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

namespace ringfleet::fleet {
namespace {

constexpr const char* program_name = "ringfleet-runner";

bool is_program(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(path, ignored) && access(path.c_str(), X_OK) == 0;
}

} // namespace

std::string find_runner_program(const std::string& wanted) {
  const char* from_environment = std::getenv("RINGFLEET_RUNNER");
  if (const std::string named = !wanted.empty() ? wanted : (from_environment != nullptr ? from_environment : "");
      !named.empty()) {
    if (is_program(named)) {
      return named;
    }
    throw Error(ErrorCode::not_found, fmt::format("start runners with '{}': it is not an executable file", named),
                wanted.empty() ? "check $RINGFLEET_RUNNER" : "check runner_path");
  }
  std::vector<std::string> places;
  std::error_code ignored;
  const std::filesystem::path here = std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path();
  // A program of a build tree lies one or two folders below its root, the runner in `runner`.
  for (const char* relative : {".", "../runner", "../../runner", "../libexec", "../libexec/ringfleet"}) {
    places.push_back((here / relative / program_name).lexically_normal());
  }
  places.push_back(std::string(RINGFLEET_BINDIR) + "/" + program_name);
  if (const char* path = std::getenv("PATH")) {
    const std::string_view all(path);
    for (std::size_t begin = 0; begin <= all.size();) {
      const std::size_t end = std::min(all.find(':', begin), all.size());
      if (end > begin) {
        places.push_back(fmt::format("{}/{}", all.substr(begin, end - begin), program_name));
      }
      begin = end + 1;
    }
  }
  for (const std::string& place : places) {
    if (is_program(place)) {
      return place;
    }
  }
  throw Error(ErrorCode::not_found,
              fmt::format("find the program '{}': not in {}", program_name, fmt::join(places, ", ")),
              "install ringfleet, or set $RINGFLEET_RUNNER to its path");
}

} // namespace ringfleet::fleet
