// What operators ask of a scheduler through the control socket, and how each is answered.

#include "ringfleet/fleet/detail/scheduler.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/fleet/detail/status_json.hpp"

#include <chrono>
#include <new>
#include <system_error>
#include <utility>

#include <fmt/format.h>

namespace ringfleet::fleet {
namespace {

using namespace std::chrono_literals;

// Each is a thread that reads a module file.
constexpr std::size_t operator_ingests_max = 8;

} // namespace

// Loop thread; the file is read and hashed on another one, however large it is and however slow its disk.
void Scheduler::reload_for_operator(const std::string& module, std::string path, const ControlServer::Answer& answer) {
  std::erase_if(ingests_, [](const auto& ingest) { return ingest.wait_for(0s) == std::future_status::ready; });
  if (ingests_.size() >= operator_ingests_max) {
    throw Error(ErrorCode::limit_reached,
                fmt::format("reload module '{}': {} other files are being read", module, ingests_.size()),
                "wait until those reloads have ended");
  }
  auto deploy = [this, module, answer](const ArtifactHandle& artifact, const std::optional<Error>& failure) {
    loop_.post([this, module, artifact, failure, answer] {
      if (failure) {
        answer(to_json(*failure));
        return;
      }
      try {
        supervisor_->reload(module, artifact, [answer](const DeployReport& report, const std::optional<Error>& error) {
          answer(error ? to_json(*error) : to_json(report));
        });
      } catch (const Error& error) {
        answer(to_json(error));
      }
    });
  };
  try {
    ingests_.push_back(std::async(std::launch::async, [this, path = std::move(path), deploy] {
      try {
        deploy(ingest(path), {});
      } catch (const Error& error) {
        deploy({}, error);
      } catch (const std::bad_alloc&) {
        deploy({}, Error(ErrorCode::no_memory, fmt::format("read the module file '{}'", path)));
      }
    }));
  } catch (const std::system_error& error) {
    throw Error::from_errno(fmt::format("reload module '{}': start a thread that reads the file", module),
                            error.code().value());
  }
}

// Loop thread.
void Scheduler::on_request(const std::string& json, ControlServer::Answer answer) {
  try {
    const OperatorRequest request = operator_request_from_json(json);
    check_release(request.version);
    if (request.op == "status") {
      answer(to_json(status_on_loop()));
    } else if (request.op == "show") {
      answer(to_json(supervisor_->show(request.module)));
    } else if (request.op == "why_unserved") {
      answer(to_json(Unserved{supervisor_->why_unserved(request.module)}));
    } else if (request.op == "reload") {
      reload_for_operator(request.module, request.path.empty() ? supervisor_->path_of(request.module) : request.path,
                          answer);
    } else if (request.op == "down") {
      waiting_for_end_.push_back(std::move(answer));
      stop_requested_.signal();
    } else {
      throw Error(ErrorCode::bad_message, fmt::format("operator request '{}'", request.op),
                  "known are status, show, why_unserved, reload and down");
    }
  } catch (const Error& error) {
    answer(to_json(error));
  }
}

} // namespace ringfleet::fleet
