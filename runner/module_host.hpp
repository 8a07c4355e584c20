#pragma once

// One loaded module, whatever its ABI level: the seven things a runner does with it. Everything here runs on the worker
// thread. No exception of the module comes out of any of these functions; what a module does beside that (crash, loop,
// exit) is between it and the supervisor.

#include "load_error.hpp"
#include "module.h"
#include "reply_writer.hpp"

#include "ringfleet/call/handshake.hpp"
#include "ringfleet/call/status.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace ringfleet::runner {

struct Outcome {
  CallStatus status = CallStatus::ok;
  std::int32_t module_code = 0;
};

class ModuleHost {
public:
  virtual ~ModuleHost() = default;

  [[nodiscard]] const call::ModuleDescription& description() const noexcept { return description_; }

  // Once, before anything below. Throws LoadError: init_failed, init_exception.
  virtual void init(const ringfleet_services& services, std::string_view config) = 0;
  // The reply is what `reply` holds afterwards, also when the outcome is module_error or module_exception.
  [[nodiscard]] virtual Outcome call(std::uint32_t method_id, std::span<const std::byte> args, ReplyWriter& reply) = 0;
  // 0: well.
  [[nodiscard]] virtual int health(ReplyWriter& text) = 0;
  virtual int quiesce() = 0;
  // Once, after a successful init.
  virtual int shutdown() = 0;

protected:
  explicit ModuleHost(call::ModuleDescription description) : description_(std::move(description)) {}
  ModuleHost(const ModuleHost&) = delete;
  ModuleHost& operator=(const ModuleHost&) = delete;

private:
  call::ModuleDescription description_;
};

// Loads the module from the descriptor of its sealed copy, finds out its ABI level and checks its descriptor. Runs the
// constructors of the shared object. `directory` only helps to explain a private library that is missing: the loader
// looks for those along LD_LIBRARY_PATH, which whoever spawns the runner sets to the directory of the module's file.
// Throws LoadError. The module is never unloaded: the process ends with it.
[[nodiscard]] std::unique_ptr<ModuleHost> load_module(int artifact, std::string_view directory);

} // namespace ringfleet::runner
