// The process that deploys, and dies in it or loses a runner.

#include "deploy.hpp"
#include "deploy_files.hpp"
#include "flip_window.hpp"

#include "ringfleet/base/error.hpp"

#include <stdexcept>
#include <string_view>
#include <utility>

namespace ringfleet::test {
namespace {

class Deploy : public Operation {
public:
  explicit Deploy(const Surroundings& here) : here_(here), words_(DeployFiles(here).open_words()) {}

  void prepare() override {
    fleet_ = start_witness(here_, options());
    await_word(words_); // the client is at work
  }
  // A deploy in which nobody died succeeds; in which a runner was killed, it says so.
  void act() override {
    try {
      (void)fleet_->reload("witness");
    } catch (const Error& error) {
      if (std::string_view(error.what()).find("SIGKILL") == std::string_view::npos) {
        throw std::runtime_error(std::string("the deploy does not say who died: ") + error.what());
      }
    }
  }
  void check_that_the_rest_serves_on() override {
    (void)fleet_->reload("witness");
    os::Descriptor(open(DeployFiles(here_).done.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    await_word(words_); // the client has gone
  }

protected:
  [[nodiscard]] virtual FleetOptions options() { return {}; }

  Surroundings here_;
  os::Descriptor words_;
  std::unique_ptr<Fleet> fleet_;
};

class Rollback final : public Deploy {
public:
  using Deploy::Deploy;
  void act() override {
    try {
      (void)fleet_->reload("witness", std::string(std::getenv("RINGFLEET_TEST_MODULES")) + "/init_fails.so");
    } catch (const Error& error) {
      if (std::string_view(error.what()).find("init_fails") == std::string_view::npos) {
        throw std::runtime_error(std::string("the rollback does not say of what: ") + error.what());
      }
      return;
    }
    throw std::runtime_error("a module that cannot be started is deployed");
  }
};

class Flip final : public Deploy {
public:
  using Deploy::Deploy;

private:
  [[nodiscard]] FleetOptions options() override {
    FleetOptions options;
    options.on_event = [is_open = false](std::string_view event) mutable {
      if (event.starts_with("runner witness/2 ready")) { // the candidate: what is stored in the route next is the flip
        open_window_at_next_store("/memfd:ringfleet route");
        is_open = true;
      } else if (is_open && event.find("flipped to version") != std::string_view::npos) {
        close_window();
        is_open = false;
      }
    };
    return options;
  }
};

} // namespace

std::map<std::string, MakeOperation> deploy_operations() {
  return {
      {"deploy", [](const auto& here) { return std::make_unique<Deploy>(here); }},
      {"deploy-rollback", [](const auto& here) { return std::make_unique<Rollback>(here); }},
      {"deploy-flip", [](const auto& here) { return std::make_unique<Flip>(here); }},
  };
}

} // namespace ringfleet::test
