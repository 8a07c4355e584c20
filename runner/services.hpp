#pragma once

// The services table that a module gets, see module.h, and the call that is under way on the worker thread.

#include "module.h"

#include "ringfleet/base/clock.hpp"
#include "ringfleet/call/control_message.hpp"
#include "ringfleet/call/lane_server.hpp"

#include <cstdint>
#include <mutex>
#include <span>
#include <string_view>

namespace ringfleet::runner {

// Is the caller still interested? Asked by the module as often as it likes, so no system call and no lock.
class CancelSource {
public:
  virtual ~CancelSource() = default;
  [[nodiscard]] virtual bool is_cancelled(std::uint64_t position) const noexcept = 0;

protected:
  CancelSource() = default;
  CancelSource(const CancelSource&) = default;
  CancelSource& operator=(const CancelSource&) = default;
};

struct CurrentCall {
  const CancelSource* source = nullptr; // none: no call is running
  std::uint64_t position = 0;
  MonotonicNs deadline = never;
  call::Chain chain{};
};

struct OutgoingCall {
  std::string_view module;
  std::string_view method;
  std::span<const std::byte> args;
  MonotonicNs deadline = never;
  call::Chain chain{}; // of the call that makes this one
};

// Calls to other modules. Worker thread.
class Outgoing {
public:
  virtual ~Outgoing() = default;
  struct Reply {
    void (*on_reply)(void* user, const void* data, std::uint64_t bytes);
    void* user;
    std::int32_t module_code;
  };
  // Waits until the deadline at most. Calls reply.on_reply, where set, before it returns.
  [[nodiscard]] virtual CallStatus call(const OutgoingCall& request, Reply& reply) = 0;

protected:
  Outgoing() = default;
  Outgoing(const Outgoing&) = default;
  Outgoing& operator=(const Outgoing&) = default;
};

class Services {
public:
  // Both must outlive this object.
  Services(call::ControlChannel& channel, Outgoing& outgoing) noexcept;
  Services(const Services&) = delete;
  Services& operator=(const Services&) = delete;

  // The same address until this object dies.
  [[nodiscard]] const ringfleet_services& table() const noexcept { return table_; }

  // Worker thread, around each call of the module.
  void begin(const CurrentCall& call) noexcept { current_ = call; }
  void end() noexcept { current_ = {}; }

  // Any thread. A scheduler that does not read is waited for once, shortly; until it reads again lines are dropped at
  // once and counted, and their number is the first thing it is told then.
  void log(int level, std::string_view text) noexcept;

private:
  static Services& of(void* context) noexcept { return *static_cast<Services*>(context); }
  [[nodiscard]] bool is_cancelled() const noexcept;
  [[nodiscard]] bool send_line(int level, std::string_view text, MonotonicNs deadline);
  int call(const char* module, const char* method, std::span<const std::byte> args, std::uint64_t timeout_ns,
           Outgoing::Reply& reply) noexcept;

  call::ControlChannel& channel_;
  Outgoing& outgoing_;
  ringfleet_services table_;
  CurrentCall current_;
  std::mutex log_mutex_;
  std::uint64_t lines_dropped_ = 0; // since the scheduler last read
};

} // namespace ringfleet::runner
