#include "command.hpp"

#include "ringfleet/fleet/client.hpp"

namespace ringfleet::cli {

std::unique_ptr<Client> attach(const Globals& globals) {
  try {
    return std::make_unique<Client>(globals.fleet);
  } catch (const Error& error) {
    const bool absent = error.code() == ErrorCode::not_found || error.code() == ErrorCode::peer_died ||
                        error.code() == ErrorCode::wrong_state;
    throw Failure(absent ? ExitCode::not_running : exit_code_of(error.code()), error.what());
  }
}

} // namespace ringfleet::cli
