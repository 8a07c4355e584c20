// Asks its services: the clock, the deadline, whether it was cancelled; and fails with codes of its own.

#include <ringfleet/module.hpp>

#include <sched.h>

namespace {

namespace rf = ringfleet::module;

class ServiceUser {
public:
  explicit ServiceUser(const rf::Services& services) : services_(services) {}

  std::uint64_t deadline() { return services_.deadline_ns(); }
  std::uint64_t now() { return services_.now_ns(); }
  // Runs until it is told to stop.
  std::string_view until_cancelled() {
    services_.log(rf::LogLevel::info, "running");
    while (!services_.cancelled()) {
      sched_yield();
    }
    return "noticed";
  }
  void fail(std::int32_t code) { throw rf::ModuleError(code, "failed on purpose"); }
  std::int64_t sum(const std::array<std::int32_t, 2>& numbers) { return std::int64_t{numbers[0]} + numbers[1]; }
  std::string health() { return {}; }

private:
  rf::Services services_;
};

} // namespace

RINGFLEET_MODULE(ServiceUser,
                 {.id = "service_user", .version = "1.2.3", .kind = "test", .description = "asks its services"},
                 RINGFLEET_METHOD(deadline, .idempotent = true), RINGFLEET_METHOD(now),
                 RINGFLEET_METHOD(until_cancelled), RINGFLEET_METHOD(fail, .description = "module error"),
                 RINGFLEET_METHOD(sum, .idempotent = true))
