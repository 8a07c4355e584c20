#pragma once

// A Client's connection: one control socket, one thread that reads it and keeps the core informed. `client.hpp` is the
// face; this is not installed.

#include "ringfleet/base/error.hpp"
#include "ringfleet/call/control_message.hpp"
#include "ringfleet/fleet/client.hpp"
#include "ringfleet/fleet/detail/client_core.hpp"
#include "ringfleet/memory/obituary.hpp"
#include "ringfleet/memory/watcher.hpp"
#include "ringfleet/os/descriptor.hpp"

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace ringfleet::fleet {

class RemoteScheduler {
public:
  RemoteScheduler(std::string_view fleet_name, Nanoseconds timeout);
  ~RemoteScheduler();

  // Made with the first call: an operator who only asks needs no lanes and no epoch page.
  [[nodiscard]] ClientCore& core();
  // None: as long as the scheduler lives.
  using Patience = std::optional<Nanoseconds>;
  // An operator request; returns the answer's JSON.
  [[nodiscard]] std::string ask(const std::string& request, Patience patience);
  [[nodiscard]] Nanoseconds timeout() const noexcept { return timeout_; }
  void wait_for_end();

private:
  class Turn;
  // Until the condition holds; throws Error(timed_out) when the time of the asker is over first.
  using Wait = std::function<void(std::unique_lock<std::mutex>& lock, const std::function<bool()>& condition)>;
  [[nodiscard]] call::ControlMessage exchange(const call::ControlMessage& question, Patience patience);
  [[nodiscard]] call::ControlMessage greet();
  [[nodiscard]] call::ControlMessage take_answer();
  [[nodiscard]] Error no_answer(call::ControlType question, Nanoseconds waited) const;
  void send(const call::ControlMessage& message);
  void read();
  void handle(call::ControlMessage& message);
  void refuse(const call::ControlMessage& message);
  void scheduler_is_gone();
  void look_again_later();
  [[nodiscard]] Error gone() const;

  std::string name_;
  Nanoseconds timeout_;
  call::ControlChannel channel_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool asking_ = false; // one question at a time
  std::optional<call::ControlMessage> answer_;
  std::size_t given_up_ = 0; // questions whose answers are still to come, and are nobody's
  bool greeted_ = false;     // and the hello was given up
  std::optional<call::ControlMessage> late_welcome_;
  bool gone_ = false;
  std::optional<Error> other_version_; // the scheduler speaks words that this program does not read
  std::mutex core_mutex_;
  std::unique_ptr<ClientCore> core_;
  memory::Watcher::WatchId socket_watch_ = 0;
  std::map<std::uint64_t, LaneOffer> offers_;       // lanes under way
  std::map<std::uint64_t, os::Descriptor> runners_; // pidfds by serial
  memory::Obituary obituary_;
  memory::Watcher watcher_; // last: its thread uses everything above, and this until it has ended
};

} // namespace ringfleet::fleet
