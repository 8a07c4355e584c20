// Any text as what an operator and a scheduler say to each other in JSON: a value, or an error of ours. What is read
// and written again stays the same.

#include "ringfleet/fleet/detail/status_json.hpp"
#include "input.hpp"
#include "ringfleet/base/error.hpp"
#include "ringfleet/fleet/topology.hpp"

#include <string>

using namespace ringfleet;
using namespace ringfleet::fuzz;

namespace {

template <class Read>
void check_reading(std::string_view text, Read&& read) {
  try {
    const auto value = read(text);
    const auto again = fleet::to_json(value);
    require(fleet::to_json(read(again)) == again, "what was written is read as the same");
  } catch (const Error& error) {
    (void)fleet::to_json(error); // an answer that carries an error is thrown as that error
  }
}

Bytes text_seed(std::string_view text) {
  return InputMaker().add_text(text).make();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_reading(text, &fleet::fleet_status_from_json);
  check_reading(text, &fleet::module_info_from_json);
  check_reading(text, &fleet::deploy_report_from_json);
  check_reading(text, &fleet::operator_request_from_json);
  try {
    fleet::check_answer(text);
  } catch (const Error&) {
    // carried by the answer, or about it
  }
  fleet::ModuleSpec module;
  module.id = "m";
  module.path = "/dev/null";
  module.config = std::string(text);
  try {
    fleet::check(module);
    require(text.size() <= limits::config_bytes_max, "a configuration within its limit");
  } catch (const Error& error) {
    require(error.code() == ErrorCode::invalid_argument, "a configuration that is refused");
  }
  return 0;
}

std::vector<Bytes> ringfleet::fuzz::seeds() {
  FleetStatus status;
  status.name = "demo";
  status.modules.resize(1);
  status.modules[0].id = "zstd";
  status.modules[0].runners.resize(2);
  ModuleInfo info;
  info.id = "zstd";
  info.methods.resize(1);
  info.dependencies.resize(1);
  return {text_seed(fleet::to_json(status)),
          text_seed(fleet::to_json(info)),
          text_seed(fleet::to_json(DeployReport{})),
          text_seed(fleet::to_json(fleet::OperatorRequest{.op = "reload", .module = "zstd", .path = "a.so"})),
          text_seed(fleet::to_json(Error(ErrorCode::not_found, "find it", "look again"))),
          text_seed(R"({"level": 3, "list": [1, -2.5e3, null, true, "\u00e4"]})")};
}
