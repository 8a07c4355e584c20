#pragma once

// Another process' way into a running fleet: attaches by fleet name, gets its lanes by descriptor passing over the
// control socket, and then calls runners directly; no payload crosses the socket. Any thread may call anything.
//
// When the scheduler dies, runners end with it (`orphans = "stop"`): open calls end with `runner_lost`, later ones with
// `no_runner`. When the client dies, at any point, the scheduler takes its lanes back; nothing is left behind.

#include "ringfleet/fleet/call.hpp"
#include "ringfleet/fleet/status.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace ringfleet {

namespace fleet {
class RemoteScheduler;
} // namespace fleet

class Client {
public:
  // Empty name: the only fleet that runs; Error(not_found) names what runs instead when there is none or more than one.
  // A scheduler of another version is Error(version_mismatch). Waits for the scheduler until `timeout`.
  explicit Client(std::string_view fleet_name = {}, Nanoseconds timeout = std::chrono::seconds(5));
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  [[nodiscard]] Method method(std::string_view module, std::string_view name);
  [[nodiscard]] Reply call(std::string_view module, std::string_view method, std::span<const std::byte> args,
                           CallOptions options = {});

  // Operator requests, answered by the scheduler; each waits until `timeout` given to the constructor, reload and down
  // as long as they take while the scheduler is alive.
  [[nodiscard]] FleetStatus status();
  [[nodiscard]] ModuleInfo show(std::string_view module);
  DeployReport reload(std::string_view module, std::string_view path);
  // Asks the fleet to stop and returns when its scheduler process has let go of its name.
  void down();

private:
  std::unique_ptr<fleet::RemoteScheduler> remote_;
};

} // namespace ringfleet
