// ringfleet: launches and operates fleets. One command, one file.

#include "command.hpp"

int main(int argc, char** argv) {
  using namespace ringfleet::cli;
  Globals globals;
  return run_command_line(argc, argv, globals,
                          {demo_command(globals), check_command(globals), up_command(globals), down_command(globals),
                           status_command(globals), show_command(globals), call_command(globals),
                           reload_command(globals), segments_command(globals)});
}
