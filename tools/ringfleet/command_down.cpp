#include "command.hpp"
#include "output.hpp"

#include "ringfleet/fleet/client.hpp"

namespace ringfleet::cli {

Command down_command(const Globals& globals) {
  return {.name = "down", .summary = "drain and stop a running fleet", .declare = {}, .run = [&globals] {
            const auto client = attach(globals);
            const auto name = client->status().name;
            client->down();
            print(globals.format == Format::json ? "{\"name\": \"" + name + "\", \"stopped\": true}\n"
                                                 : "fleet " + name + " stopped\n");
            return ExitCode::ok;
          }};
}

} // namespace ringfleet::cli
