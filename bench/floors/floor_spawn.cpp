//   client --posix_spawn--> empty main --exit--> waitpid()

#include "floors/floors.hpp"

#include "harness/trips.hpp"

#include "ringfleet/base/error.hpp"

#include <string>

#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ringfleet::bench {

Row floor_spawn(const std::string& program_path) {
  const auto measure = [program_path](const Slice& slice) {
    std::string path = program_path;
    char* const arguments[] = {path.data(), nullptr};
    return time_trips(slice, [&] {
      pid_t child = -1;
      const int error = posix_spawn(&child, path.c_str(), nullptr, nullptr, arguments, environ);
      if (error != 0) {
        throw Error::from_errno(fmt::format("spawn {}", path), error, "build the whole project first");
      }
      int status = -1;
      if (waitpid(child, &status, 0) != child || status != 0) {
        throw Error(ErrorCode::system, fmt::format("{} ended with wait status {}", path, status));
      }
    });
  };
  return {.name = "floor_spawn", .parameters = {}, .measure = measure};
}

} // namespace ringfleet::bench
