#include "ringfleet/call/status.hpp"

#include <array>
#include <cstddef>

namespace ringfleet {
namespace {

struct Text {
  std::string_view name;
  std::string_view line;
};

constexpr std::array<Text, call_status_count> texts{{
    {"ok", "answered"},
    {"module_error", "the module returned an error code"},
    {"unknown_method", "the module has no such method"},
    {"unknown_module", "no such module in this fleet"},
    {"deadline_exceeded", "the deadline passed before the reply came"},
    {"cancelled", "the call was cancelled"},
    {"runner_lost", "the runner died while it executed the call"},
    {"no_runner", "no runner serves the module"},
    {"lane_full", "every slot of the lane was in use until the deadline"},
    {"no_space", "no arena memory was left for the payload"},
    {"too_large", "the payload is larger than the limit"},
    {"bad_reply", "a length or an offset lies outside the lane"},
    {"call_cycle", "the nested call would come back to a module it has passed"},
    {"call_too_deep", "the nested call exceeds the depth limit"},
    {"module_exception", "an exception left the module"},
    {"shut_down", "the fleet is shutting down"},
}};

constexpr Text unknown{"unknown", "a status of another version of ringfleet"};

Text find(CallStatus status) noexcept {
  const auto index = static_cast<std::size_t>(status);
  return index < texts.size() ? texts[index] : unknown;
}

} // namespace

std::string_view to_string(CallStatus status) noexcept {
  return find(status).name;
}

std::string_view text_of(CallStatus status) noexcept {
  return find(status).line;
}

} // namespace ringfleet
