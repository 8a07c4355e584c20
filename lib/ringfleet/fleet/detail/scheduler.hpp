#pragma once

// The scheduler: what a Fleet is made of. Its name in the runtime directory, its thread, its supervisor, its control
// socket, its counters, and the client that lives in the same process. `fleet.hpp` is the face; this is not installed.

#include "ringfleet/counter/counter_writer.hpp"
#include "ringfleet/fleet/artifact.hpp"
#include "ringfleet/fleet/detail/client_core.hpp"
#include "ringfleet/fleet/detail/control_server.hpp"
#include "ringfleet/fleet/detail/embedded_link.hpp"
#include "ringfleet/fleet/detail/event_loop.hpp"
#include "ringfleet/fleet/detail/supervisor.hpp"
#include "ringfleet/fleet/fleet.hpp"
#include "ringfleet/memory/segment.hpp"
#include "ringfleet/os/event_counter.hpp"
#include "ringfleet/os/file_lock.hpp"

#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace ringfleet::fleet {

class Scheduler {
public:
  Scheduler(Topology topology, FleetOptions options);
  ~Scheduler();

  [[nodiscard]] ClientCore& core() noexcept { return *core_; }
  void load(ModuleSpec module);
  DeployReport reload(std::string_view module, std::string_view path);
  void unload(std::string_view module);
  [[nodiscard]] FleetStatus status();
  [[nodiscard]] ModuleInfo show(std::string_view module);
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  void wait_for_stop();
  void request_stop() noexcept { stop_requested_.signal(); }

private:
  void run();
  void prepare_directory();
  void start(Topology topology);
  void stop() noexcept;
  void on_request(const std::string& json, ControlServer::Answer answer);
  void reload_for_operator(const std::string& module, std::string path, const ControlServer::Answer& answer);
  [[nodiscard]] FleetStatus status_on_loop() const;
  [[nodiscard]] std::string why_unserved(std::string_view module) const;
  [[nodiscard]] ArtifactHandle ingest(std::string_view reference);
  void write_counters();

  FleetOptions options_;
  std::string name_;
  std::string directory_;
  bool private_ = false; // nobody chose the name: the directory goes with the fleet
  std::string module_directory_;
  MonotonicNs began_at_;
  std::optional<os::FileLock> lock_;
  ArtifactStore artifacts_;
  os::Descriptor route_descriptor_;
  memory::Segment route_;
  EventLoop loop_;
  os::EventCounter stop_requested_;
  std::vector<ControlServer::Answer> waiting_for_end_; // operators who asked for `down`
  struct Counters;
  std::unique_ptr<Counters> counters_;
  std::unique_ptr<ClientCore> core_;
  std::unique_ptr<EmbeddedLink> embedded_;
  std::unique_ptr<Supervisor> supervisor_;
  std::unique_ptr<ControlServer> control_;
  std::vector<std::future<void>> ingests_; // for operators, each on a thread of its own; loop thread
  std::thread thread_;
};

} // namespace ringfleet::fleet
