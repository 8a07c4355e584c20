#include "command.hpp"
#include "output.hpp"
#include "status_text.hpp"

#include "ringfleet/fleet/client.hpp"

#include <unistd.h>

namespace ringfleet::cli {

Command status_command(const Globals& globals) {
  return {
      .name = "status", .summary = "show the modules and runners of a running fleet", .declare = {}, .run = [&globals] {
        const auto status = attach(globals)->status();
        print(globals.format == Format::json ? status_json(status) : status_text(status, colours_on(STDOUT_FILENO)));
        return ExitCode::ok;
      }};
}

} // namespace ringfleet::cli
