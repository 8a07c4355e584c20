#include "command.hpp"
#include "output.hpp"
#include "status_text.hpp"

#include "ringfleet/fleet/client.hpp"

#include <unistd.h>

namespace ringfleet::cli {

Command show_command(const Globals& globals) {
  const auto module = std::make_shared<std::string>();
  return {.name = "show",
          .summary = "show one module: methods, version, hash, runners",
          .declare = [module](Parameters& with) { with.argument("MODULE", *module, "its id in the topology"); },
          .run =
              [&globals, module] {
                const auto info = attach(globals)->show(*module);
                print(globals.format == Format::json ? module_json(info)
                                                     : module_text(info, colours_on(STDOUT_FILENO)));
                return ExitCode::ok;
              }};
}

} // namespace ringfleet::cli
