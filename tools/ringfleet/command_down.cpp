#include "command.hpp"
#include "exit_code.hpp"
#include "output.hpp"

#include "ringfleet/fleet/client.hpp"
#include "ringfleet/fleet/presence.hpp"

#include <string>
#include <vector>

namespace ringfleet::cli {
namespace {

void report(const Globals& globals, const std::string& name, const char* key, const char* text) {
  print(globals.format == Format::json ? "{\"name\": \"" + name + "\", \"" + key + "\": true}\n"
                                       : "fleet " + name + " " + text + "\n");
}

// Nothing runs under the name: what a killed scheduler left of it is removed. False when there is nothing either.
bool clear_dead(const Globals& globals) {
  std::vector<std::string> names = fleet::dead_fleets();
  if (!globals.fleet.empty()) {
    std::erase_if(names, [&](const std::string& name) { return name != globals.fleet; });
  }
  bool any = false;
  for (const std::string& name : names) {
    if (fleet::clear_dead_fleet(name)) {
      report(globals, name, "cleared", "had died; the files it left are removed");
      any = true;
    }
  }
  return any;
}

} // namespace

Command down_command(const Globals& globals) {
  return {.name = "down", .summary = "drain and stop a running fleet", .declare = {}, .run = [&globals] {
            try {
              const auto client = attach(globals);
              const auto name = client->status().name;
              client->down();
              report(globals, name, "stopped", "stopped");
            } catch (const Failure& failure) {
              if (failure.code() != ExitCode::not_running || !clear_dead(globals)) {
                throw;
              }
            }
            return ExitCode::ok;
          }};
}

} // namespace ringfleet::cli
