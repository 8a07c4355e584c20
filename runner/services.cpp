#include "services.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/base/limits.hpp"

#include <algorithm>
#include <chrono>
#include <exception>

#include <fmt/format.h>

namespace ringfleet::runner {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t log_bytes_max = 4096;
constexpr Nanoseconds log_patience = 100ms;

// One list of numbers, written twice: for C and for the library.
constexpr bool same(CallStatus status, int number) {
  return static_cast<int>(status) == number;
}
static_assert(same(CallStatus::ok, RINGFLEET_STATUS_OK));
static_assert(same(CallStatus::module_error, RINGFLEET_STATUS_MODULE_ERROR));
static_assert(same(CallStatus::unknown_method, RINGFLEET_STATUS_UNKNOWN_METHOD));
static_assert(same(CallStatus::unknown_module, RINGFLEET_STATUS_UNKNOWN_MODULE));
static_assert(same(CallStatus::deadline_exceeded, RINGFLEET_STATUS_DEADLINE_EXCEEDED));
static_assert(same(CallStatus::cancelled, RINGFLEET_STATUS_CANCELLED));
static_assert(same(CallStatus::runner_lost, RINGFLEET_STATUS_RUNNER_LOST));
static_assert(same(CallStatus::no_runner, RINGFLEET_STATUS_NO_RUNNER));
static_assert(same(CallStatus::lane_full, RINGFLEET_STATUS_LANE_FULL));
static_assert(same(CallStatus::no_space, RINGFLEET_STATUS_NO_SPACE));
static_assert(same(CallStatus::too_large, RINGFLEET_STATUS_TOO_LARGE));
static_assert(same(CallStatus::bad_reply, RINGFLEET_STATUS_BAD_REPLY));
static_assert(same(CallStatus::call_cycle, RINGFLEET_STATUS_CALL_CYCLE));
static_assert(same(CallStatus::call_too_deep, RINGFLEET_STATUS_CALL_TOO_DEEP));
static_assert(same(CallStatus::module_exception, RINGFLEET_STATUS_MODULE_EXCEPTION));
static_assert(same(CallStatus::shut_down, RINGFLEET_STATUS_SHUT_DOWN));
static_assert(call_status_count == 16);

} // namespace

Services::Services(call::ControlChannel& channel, Outgoing& outgoing) noexcept
    : channel_(channel), outgoing_(outgoing),
      table_{
          .abi_version = RINGFLEET_ABI_VERSION,
          .struct_bytes = sizeof(ringfleet_services),
          .context = this,
          .log = [](void* context, int level, const char* text,
                    std::uint64_t bytes) { of(context).log(level, {text, bytes}); },
          .now_ns = [](void* /*context*/) -> std::uint64_t { return monotonic_now(); },
          .deadline_ns = [](void* context) -> std::uint64_t { return of(context).current_.deadline; },
          .cancelled = [](void* context) -> int { return of(context).is_cancelled() ? 1 : 0; },
          .call = [](void* context, const char* module, const char* method, const void* args, std::uint64_t bytes,
                     std::uint64_t timeout_ns, void (*on_reply)(void*, const void*, std::uint64_t), void* user,
                     std::int32_t* module_code) -> int {
            Outgoing::Reply reply{on_reply, user, 0};
            const int status =
                of(context).call(module, method, {static_cast<const std::byte*>(args), bytes}, timeout_ns, reply);
            if (module_code != nullptr) {
              *module_code = reply.module_code;
            }
            return status;
          },
      } {}

bool Services::send_line(int level, std::string_view text, MonotonicNs deadline) {
  const auto bounded = static_cast<std::uint64_t>(std::clamp<int>(level, RINGFLEET_LOG_DEBUG, RINGFLEET_LOG_ERROR));
  return channel_.send(
             {.type = call::ControlType::log, .a = bounded, .text = std::string(text.substr(0, log_bytes_max))}, {},
             deadline) == os::SocketStatus::ok;
}

void Services::log(int level, std::string_view text) noexcept {
  try {
    const std::lock_guard lock(log_mutex_);
    const bool was_stalled = lines_dropped_ != 0;
    if (was_stalled &&
        send_line(RINGFLEET_LOG_WARNING,
                  fmt::format("{} lines of the log were dropped: the scheduler did not read them", lines_dropped_),
                  0)) {
      lines_dropped_ = 0;
    }
    if (lines_dropped_ != 0 ||
        !send_line(level, text, deadline_after(monotonic_now(), was_stalled ? 0ms : log_patience))) {
      ++lines_dropped_;
    }
  } catch (const std::exception&) {
    // Nobody left to tell.
  }
}

bool Services::is_cancelled() const noexcept {
  if (current_.source == nullptr) {
    return false;
  }
  return current_.source->is_cancelled(current_.position) ||
         (current_.deadline != never && monotonic_now() >= current_.deadline);
}

int Services::call(const char* module, const char* method, std::span<const std::byte> args, std::uint64_t timeout_ns,
                   Outgoing::Reply& reply) noexcept {
  if (current_.source == nullptr || module == nullptr || method == nullptr) {
    return RINGFLEET_STATUS_NO_RUNNER;
  }
  if (args.size() > limits::payload_bytes_max) {
    return RINGFLEET_STATUS_TOO_LARGE;
  }
  const MonotonicNs now = monotonic_now();
  const MonotonicNs own = timeout_ns > never - now ? never : now + timeout_ns;
  try {
    return static_cast<int>(outgoing_.call({.module = module,
                                            .method = method,
                                            .args = args,
                                            .deadline = std::min(own, current_.deadline),
                                            .chain = current_.chain},
                                           reply));
  } catch (const std::exception& error) {
    log(RINGFLEET_LOG_ERROR, error.what());
    return RINGFLEET_STATUS_NO_RUNNER;
  }
}

} // namespace ringfleet::runner
