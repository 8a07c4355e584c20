// The rows of a fleet: start, stop, load, reload, unload, and a client from outside. The module is the shipped `echo`.

#include "operation.hpp"
#include "small_channel.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/fleet/client.hpp"
#include "ringfleet/fleet/fleet.hpp"

#include <cstdlib>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace ringfleet::test {
namespace {

fleet::ModuleSpec echo(std::string id) {
  fleet::ModuleSpec module;
  module.id = std::move(id);
  module.path = std::string(std::getenv("RINGFLEET_MODULES")) + "/echo.so";
  module.slots = 4;
  return module;
}

// A call that is refused by name is an Error; a wrong answer, or none in time, is neither refusal nor success.
template <class Caller>
void require_answer(Caller& caller, std::string_view module, std::string_view text) {
  const Reply reply =
      caller.call(module, "echo", std::as_bytes(std::span(text)), CallOptions{.timeout = std::chrono::seconds(20)});
  switch (reply.status()) {
  case CallStatus::ok:
    if (reply.text() != text) {
      throw std::runtime_error("the echo of a call is not what was called");
    }
    return;
  case CallStatus::no_space:
  case CallStatus::runner_lost:
  case CallStatus::no_runner: throw Error(ErrorCode::limit_reached, reply.error(), "see docs/operations.md");
  default: throw std::runtime_error("a call ended with: " + reply.error());
  }
}

class StartAndStop final : public Operation {
public:
  explicit StartAndStop(const Surroundings& here) : name_(here.word) {}
  void act() override { const auto fleet = start_fleet(name_); }

private:
  std::string name_;
};

// With a fleet that runs before and after.
class WithFleet : public Operation {
public:
  explicit WithFleet(const Surroundings& here) : name_(here.word) {}
  void prepare() override {
    fleet_ = start_fleet(name_);
    require_answer(*fleet_, "first", "before");
  }
  void check_that_the_rest_serves_on() override { require_answer(*fleet_, "first", "still"); }

protected:
  std::string name_;
  std::unique_ptr<Fleet> fleet_;
};

class Load : public WithFleet {
public:
  using WithFleet::WithFleet;
  // Also takes out again what it loaded; what a disturbed act left half way is taken out first.
  void act() override {
    if (is_loaded()) {
      fleet_->unload("second");
    }
    fleet_->load(module());
    fleet_->unload("second");
  }

private:
  [[nodiscard]] virtual fleet::ModuleSpec module() const { return echo("second"); }
  [[nodiscard]] bool is_loaded() const {
    for (const auto& module : fleet_->status().modules) {
      if (module.id == "second") {
        return true;
      }
    }
    return false;
  }
};

// The same, of a module whose runner may take only so much of the machine.
class LoadWithLimits final : public Load {
public:
  using Load::Load;

private:
  [[nodiscard]] fleet::ModuleSpec module() const override {
    auto limited = echo("second");
    limited.memory_limit_bytes = 256ULL << 20;
    limited.descriptor_limit = 64;
    return limited;
  }
};

class Reload final : public WithFleet {
public:
  using WithFleet::WithFleet;
  void act() override { (void)fleet_->reload("first"); }
};

// The first call of a module opens its lanes, a large one the arenas of both sides.
class Call final : public WithFleet {
public:
  using WithFleet::WithFleet;
  void act() override { require_answer(*fleet_, "first", std::string(100'000, 'x')); }
  [[nodiscard]] bool may_keep_lanes() const override { return true; }
};

class Attach final : public WithFleet {
public:
  using WithFleet::WithFleet;
  void act() override {
    Client client(name_);
    if (client.status().modules.size() != 1) {
      throw std::runtime_error("the status names one module");
    }
    require_answer(client, "first", "from outside");
  }
};

} // namespace

std::unique_ptr<Fleet> start_fleet(const std::string& name) {
  fleet::Topology topology;
  topology.fleet.name = name;
  topology.modules = {echo("first")};
  FleetOptions options;
  options.on_log = [](const LogLine&) {};
  options.unlimited_restarts = true;
  return std::make_unique<Fleet>(std::move(topology), std::move(options));
}

std::map<std::string, MakeOperation> fleet_operations() {
  return {
      {"fleet-start-stop", [](const auto& here) { return std::make_unique<StartAndStop>(here); }},
      {"fleet-load", [](const auto& here) { return std::make_unique<Load>(here); }},
      {"fleet-load-limits", [](const auto& here) { return std::make_unique<LoadWithLimits>(here); }},
      {"fleet-reload", [](const auto& here) { return std::make_unique<Reload>(here); }},
      {"fleet-call", [](const auto& here) { return std::make_unique<Call>(here); }},
      {"fleet-attach", [](const auto& here) { return std::make_unique<Attach>(here); }},
  };
}

} // namespace ringfleet::test
