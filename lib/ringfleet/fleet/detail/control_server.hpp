#pragma once

// The control socket: other processes attach as clients (and get lanes by descriptor passing), and operators ask for
// things. Loop thread only. No payload of a call ever passes here.

#include "ringfleet/call/control_message.hpp"
#include "ringfleet/fleet/detail/channel_link.hpp"
#include "ringfleet/fleet/detail/event_loop.hpp"
#include "ringfleet/fleet/detail/supervisor.hpp"
#include "ringfleet/fleet/epoch.hpp"
#include "ringfleet/memory/segment.hpp"
#include "ringfleet/os/socket.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace ringfleet::fleet {

// Throws Error(version_mismatch), for the peer to read, when it is of another release than this program.
void check_release(std::string_view theirs);

class ControlServer {
public:
  // An operator's request and the way to answer it, at once or later; the answer is dropped when the asker has gone.
  using Answer = std::function<void(std::string json)>;
  using OnRequest = std::function<void(const std::string& json, Answer answer)>;

  // Listens on `path`; `route` is handed to clients read-only and stays open here.
  ControlServer(const std::string& path, EventLoop& loop, Supervisor& supervisor, const os::Descriptor& route,
                OnRequest on_request);
  ~ControlServer();

  // No new connections; the socket's name is free. The ones that exist stay until destruction.
  void stop_listening();

private:
  class Connection;

  void accept();
  void drop(std::uint64_t id);

  std::string path_;
  EventLoop& loop_;
  Supervisor& supervisor_;
  const os::Descriptor& route_;
  OnRequest on_request_;
  os::Socket listener_;
  os::Descriptor spare_; // given up for a moment when all descriptors are in use, to turn a caller away
  EventLoop::Token token_ = 0;
  std::uint64_t next_id_ = 1;
  std::map<std::uint64_t, std::unique_ptr<Connection>> connections_;
};

} // namespace ringfleet::fleet
